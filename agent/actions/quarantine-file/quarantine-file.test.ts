import { hash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { quarantineFile as spec } from '../../../protocol/actions/quarantine-file.ts'
import type { ActionId } from '../../../protocol/ids.ts'
import type { Bench } from '../../core/action.ts'
import { modelHost } from '../../host/model/host.ts'
import type { FileRecord } from '../../vault/vault.ts'
import { marks, pathOf, vaultFolder, vaultScene } from '../../vault/vault-scene.ts'
import { quarantineFile } from './index.ts'
import { linux } from './linux.ts'

const evil = '/home/u/evil'
const undoId = '01890a5d-ac96-774b-bcce-b302099a8058' as ActionId

/** A bench on a model machine with one suspicious file; `displaced` is what the core would have made durable. */
const setUp = async (content = 'evil') => {
  const scene = vaultScene()
  const { machine } = scene
  machine.writeFile(evil, content, marks)
  const vault = await scene.open()
  const displaced: FileRecord[] = []
  const bench: Bench = {
    actionId: '01890a5d-ac96-774b-bcce-b302099a8057' as ActionId,
    host: modelHost(machine),
    vault,
    bounds: { controlPlane: [], canaries: [] },
    nowMs: () => machine.nowMs,
    quarantined: () => ({ gone: 'nothing was purged' }),
    handOver: () => {
      throw new Error('nothing is handed over')
    },
    displace: (describeIt) => {
      const record = displaced[0] ?? describeIt()
      displaced[0] = record
      return record
    },
  }
  const ask = (path = evil, sha256 = hash('sha256', content)) =>
    linux.prepare(bench, spec.params.parse({ path: pathOf(path), sha256 }))
  return { ...scene, vault, bench, undoing: { ...bench, actionId: undoId }, displaced, ask }
}

/** Prepared, recorded and done. */
const done = async () => {
  const world = await setUp()
  const prepared = await world.ask()
  if (prepared.kind !== 'ready') throw new Error(prepared.kind)
  const record = prepared.inverse
  const params = spec.params.parse({ path: record.path, sha256: record.sha256 })
  const applied = await linux.apply(world.bench, params, record)
  return { ...world, record, params, applied }
}

describe('what it refuses, before anything is touched', () => {
  test('[VLT5] a file that has other bytes than were approved', async () => {
    const { ask } = await setUp()
    expect(await ask(evil, hash('sha256', 'other'))).toMatchObject({ kind: 'refused', code: 'target_changed' })
  })

  test('nothing there', async () => {
    const { ask } = await setUp()
    expect(await ask('/home/u/none')).toMatchObject({ kind: 'refused', code: 'target_not_found' })
    expect(await ask('/none/at/all')).toMatchObject({ kind: 'refused', code: 'target_not_found' })
  })

  test.each(['fifo', 'socket', 'device'] as const)('[VLT3] a %s', async (kind) => {
    const { machine, ask } = await setUp()
    machine.special('/home/u/special', kind)
    expect(await ask('/home/u/special')).toMatchObject({ kind: 'refused', code: 'target_not_regular' })
  })

  test('[VLT3] a directory, and a path that runs through a file', async () => {
    const { ask } = await setUp()
    expect(await ask('/home/u')).toMatchObject({ kind: 'refused', code: 'target_not_regular' })
    expect(await ask(`${evil}/below`)).toMatchObject({ kind: 'refused', code: 'target_not_regular' })
  })

  test('[VLT2] a link, and what lies behind one', async () => {
    const { machine, ask } = await setUp()
    machine.symlink('/home/u/link', evil)
    machine.symlink('/home/v', '/home/u')
    expect(await ask('/home/u/link')).toMatchObject({ kind: 'refused', code: 'target_behind_link' })
    expect(await ask('/home/v/evil')).toMatchObject({ kind: 'refused', code: 'target_behind_link' })
  })

  test('[VLT3] a file the system or the agent needs, by any of its names', async () => {
    const { machine, ask } = await setUp('init')
    machine.link('/usr/lib/systemd/systemd', '/home/u/alias')
    expect(await ask('/usr/lib/systemd/systemd')).toMatchObject({ code: 'target_protected' })
    expect(await ask('/home/u/alias')).toMatchObject({ code: 'target_protected' })
  })

  test('[JRN6] a file for which there is no room', async () => {
    const { machine, open, bench } = await setUp()
    machine.mount('/state', { sizeBytes: 8_192 })
    machine.mkdir('/state', { mode: 0o700 })
    const vault = await open(undefined, { reserveBytes: 0, maxItemBytes: 3 })
    const params = spec.params.parse({ path: evil, sha256: hash('sha256', 'evil') })
    expect(await linux.prepare({ ...bench, vault }, params)).toMatchObject({ code: 'target_too_large' })
  })
})

describe('[LIFE10] what a preview tells', () => {
  test('the package that owns it, who uses it, its other names, and what an undo will not restore', async () => {
    const { machine, ask } = await setUp()
    machine.installPackage(evil, 'evil 1.0-2')
    machine.link(evil, '/home/u/other')
    const pid = machine.spawnProcess({ image: evil })
    const prepared = await ask()
    expect(prepared).toMatchObject({
      kind: 'ready',
      touches: [evil],
      impact: {
        would: [expect.stringContaining('4 bytes')],
        hurts: [
          { what: 'package', detail: expect.stringContaining('evil 1.0-2') },
          { what: `process ${pid}`, detail: expect.stringContaining(evil) },
          { what: 'other names', detail: expect.stringContaining('1 more name') },
        ],
        gaps: [
          { what: 'inode number' },
          { what: 'change time and birth time' },
          { what: 'hard links', why: expect.stringContaining('2 names') },
        ],
      },
    })
  })

  test('of a file that nobody uses, nothing is hurt', async () => {
    const { ask } = await setUp()
    expect(await ask()).toMatchObject({ impact: { hurts: [] } })
  })

  test('[JRN5] two names of one file are one resource', async () => {
    const { machine, ask } = await setUp()
    machine.link(evil, '/home/u/other')
    const [one, two] = [await ask(), await ask('/home/u/other')]
    if (one.kind !== 'ready' || two.kind !== 'ready') throw new Error('not ready')
    expect(one.resources.filter((resource) => two.resources.includes(resource))).toHaveLength(1)
  })
})

describe('what proves it', () => {
  test('gone from its place and held by the vault, plain and sealed', async () => {
    const { bench, params, record, vault, applied } = await done()
    expect(applied).toEqual({ summary: `${evil} (4 bytes) was moved into the vault.`, gaps: [] })
    for (const words of ['not sealed yet', 'has it, sealed']) {
      expect(await linux.verify(bench, params, record)).toMatchObject([
        { subject: 'file', holds: true },
        { subject: 'vault', holds: true, found: expect.stringContaining(words) },
      ])
      await vault.seal()
    }
  })

  test('not when the file stands there again, even with the number of a removed one', async () => {
    const { machine, bench, params, record, vault } = await done()
    machine.writeFile(evil, 'new')
    expect(await linux.verify(bench, params, record)).toMatchObject([{ holds: true }, { holds: true }])
    machine.remove(evil)
    await vault.restore(record, record.path)
    expect(await linux.verify(bench, params, record)).toMatchObject([{ holds: false }, { holds: true }])
  })

  test('not when the vault has lost it', async () => {
    const { machine, bench, params, record, vault } = await done()
    await vault.seal()
    machine.remove(`${vaultFolder}/sealed/${record.sha256}`)
    expect(await linux.verify(bench, params, record)).toMatchObject([
      { holds: true },
      { subject: 'vault', holds: false },
    ])
    expect(await linux.compare(bench, record)).toMatchObject({
      kind: 'drifted',
      code: 'record_damaged',
      choices: ['leave'],
    })
  })
})

describe('[UND2] what an undo finds', () => {
  test('as left, and puts it back with proof', async () => {
    const { undoing, record } = await done()
    expect(await linux.compare(undoing, record)).toEqual({ kind: 'as-left' })
    const { gaps, summary } = await linux.revert(undoing, record, 'as-found')
    expect(summary).toBe(`${evil} (4 bytes) was put back.`)
    expect(await linux.verifyReverted(undoing, record, gaps)).toMatchObject([
      { found: expect.stringContaining(evil), holds: true },
      { found: expect.stringContaining('as recorded'), holds: true },
    ])
  })

  test('as found, when somebody has put back the same in every byte and mark', async () => {
    const { machine, undoing, record } = await done()
    machine.writeFile(evil, 'evil', { ...marks, atimeNs: '1' })
    expect(await linux.compare(undoing, record)).toMatchObject({ kind: 'as-found' })
  })

  test('something else, when it is the same bytes with another mode', async () => {
    const { machine, undoing, record } = await done()
    machine.writeFile(evil, 'evil', { ...marks, mode: 0o755 })
    expect(await linux.compare(undoing, record)).toMatchObject({
      kind: 'drifted',
      code: 'place_taken',
      drift: [{ what: 'mode', expected: '4755', found: '755' }],
      choices: ['leave', 'beside', 'replace'],
    })
  })

  test('a directory or a link in its place, which cannot be replaced', async () => {
    for (const plant of ['directory', 'link'] as const) {
      const { machine, undoing, record } = await done()
      if (plant === 'link') machine.symlink(evil, '/etc/passwd')
      else machine.mkdir(evil)
      expect(await linux.compare(undoing, record)).toMatchObject({
        code: 'place_taken',
        drift: [{ what: 'kind', found: `a ${plant}` }],
        choices: ['leave', 'beside'],
      })
    }
  })

  test('a protected file in its place, which is never displaced', async () => {
    const { machine, undoing, record } = await done()
    machine.link('/usr/lib/systemd/systemd', evil)
    expect(await linux.compare(undoing, record)).toMatchObject({ choices: ['leave', 'beside'] })
    await expect(linux.revert(undoing, record, 'replace')).rejects.toMatchObject({ code: 'target_protected' })
    expect(machine.exists(evil)).toBe(true)
  })

  test('another directory, or none, where it came from', async () => {
    const { machine, undoing, record } = await done()
    machine.rename('/home/u', '/home/w')
    expect(await linux.compare(undoing, record)).toMatchObject({ code: 'place_changed', choices: ['leave'] })
    machine.mkdir('/home/u')
    expect(await linux.compare(undoing, record)).toMatchObject({ code: 'place_changed', choices: ['leave'] })
    machine.remove('/home/u')
    machine.symlink('/home/u', '/home/w')
    expect(await linux.compare(undoing, record)).toMatchObject({ code: 'place_changed', choices: ['leave'] })
    await expect(linux.revert(undoing, record, 'as-found')).rejects.toMatchObject({ code: 'place_changed' })
    expect(machine.exists('/home/w/evil')).toBe(false)
  })
})

describe('[UND2] what the operator may choose', () => {
  test('beside: under a free name in the same directory, named in the summary', async () => {
    const { machine, undoing, record } = await done()
    machine.writeFile(evil, 'mine')
    machine.writeFile(`${evil}.restored-1`, 'also mine')
    const { summary, gaps } = await linux.revert(undoing, record, 'beside')
    expect(summary).toContain(`${evil}.restored-2`)
    expect(Buffer.from(machine.readFile(evil)).toString()).toBe('mine')
    expect(Buffer.from(machine.readFile(`${evil}.restored-2`)).toString()).toBe('evil')
    expect(await linux.verifyReverted(undoing, record, gaps)).toMatchObject([
      { found: expect.stringContaining('.restored-2'), holds: true },
      { holds: true },
    ])
  })

  test('replace: what stands there is recorded first, taken, and can be given back by its own record', async () => {
    const { machine, undoing, record, displaced, vault } = await done()
    machine.writeFile(evil, 'mine', { mode: 0o604 })
    const { summary } = await linux.revert(undoing, record, 'replace')
    expect(summary).toContain('moved into the vault')
    expect(Buffer.from(machine.readFile(evil)).toString()).toBe('evil')
    const [other] = displaced
    if (other === undefined) throw new Error('nothing was displaced')
    expect(other).toMatchObject({ item: undoId, path: evil, sizeBytes: 4 })
    expect(vault.holds(other)).toBe('plain')
    machine.remove(evil)
    await linux.revert(undoing, other, 'as-found')
    expect(Buffer.from(machine.readFile(evil)).toString()).toBe('mine')
    expect(machine.disk.find(pathOf(evil))?.metadata).toMatchObject({ mode: 0o604 })
  })

  test('replace: a place that became free meanwhile displaces nothing', async () => {
    const { undoing, record, displaced } = await done()
    await linux.revert(undoing, record, 'replace')
    expect(displaced).toEqual([])
  })
})

describe('after a take that came to nothing', () => {
  test('there is nothing to give back, and that is proof enough', async () => {
    const { machine, ask, bench } = await setUp()
    const prepared = await ask()
    if (prepared.kind !== 'ready') throw new Error(prepared.kind)
    const record = prepared.inverse
    machine.writeFile(evil, 'changed')
    await expect(
      linux.apply(bench, spec.params.parse({ path: evil, sha256: record.sha256 }), record),
    ).rejects.toMatchObject({
      code: 'target_changed',
    })
    expect(await linux.revert(bench, record, 'as-found')).toMatchObject({ gaps: [] })
    expect(await linux.verifyReverted(bench, record)).toMatchObject([{ subject: 'vault', holds: true }])
    expect(Buffer.from(machine.readFile(evil)).toString()).toBe('changed')
  })
})

test('[UND3] a difference that the undo has named is not held against it, and one that it has not is', async () => {
  const { machine, undoing, record } = await done()
  await linux.revert(undoing, record, 'as-found')
  machine.change(evil, { mode: 0o644 })
  expect(await linux.verifyReverted(undoing, record)).toMatchObject([{ holds: true }, { holds: false }])
  expect(await linux.verifyReverted(undoing, record, [{ what: 'mode', why: 'not here' }])).toMatchObject([
    { holds: true },
    { found: expect.stringContaining('mode 644 for 4755'), holds: true },
  ])
})

test('[UND4] once its grace period is over, the vault keeps nothing of it', async () => {
  const { undoing, record, vault } = await done()
  await linux.revert(undoing, record, 'as-found')
  expect(await vault.list()).toHaveLength(1)
  await linux.release?.(undoing, record)
  expect(await vault.list()).toEqual([])
})

test('on Windows it says that it cannot, and why', () => {
  expect(quarantineFile.windows.unsupported).toMatch(/Windows/)
})
