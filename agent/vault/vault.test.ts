import { describe, expect, test } from 'vitest'
import { modelHost } from '../host/model/host.ts'
import { sealedBytes } from './sealed-format.ts'
import { itemOf, marks, pathOf, repeatable, vaultFolder, vaultScene } from './vault-scene.ts'

const codeOf = async (step: Promise<unknown>): Promise<unknown> => {
  try {
    await step
    return 'no failure'
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error.code
    throw error
  }
}

/** A scene with one file that bears every mark, and its record. */
const withFile = async (path = '/home/u/evil', content: string | Uint8Array = 'evil bytes') => {
  const scene = vaultScene()
  scene.machine.writeFile(path, content, marks)
  const before = scene.machine.snapshot({ without: [vaultFolder] })
  const vault = await scene.open()
  return {
    ...scene,
    path,
    before,
    vault,
    taken: await scene.record(path),
    now: () => scene.machine.snapshot({ without: [vaultFolder] }),
  }
}

const places = [
  ['the file system of the vault', '/home/u/evil', 'renamed'],
  ['another file system', '/data/x/evil', 'copied'],
] as const

describe.each(places)('a file on %s', (_, path, how) => {
  test('[VLT1] is taken out of its place, has no mode bits in the vault, and is sealed then', async () => {
    const { machine, vault, taken, names, now, before } = await withFile(path)
    expect(await vault.take(taken)).toEqual({ how })
    expect(machine.exists(path)).toBe(false)
    const plain = `${vaultFolder}/plain/${names('plain')[0]}`
    expect(machine.disk.find(pathOf(plain))?.metadata).toMatchObject({ mode: 0 })
    expect(vault.holds(taken)).toBe('plain')
    expect(await vault.seal()).toEqual({ sealed: 1, left: [] })
    expect(vault.holds(taken)).toBe('sealed')
    expect(names('plain')).toEqual([])
    expect(names('work')).toEqual([])
    const blob = machine.readFile(`${vaultFolder}/sealed/${taken.sha256}`)
    expect(blob.length).toBe(sealedBytes(taken.sizeBytes))
    expect(Buffer.from(blob).includes('evil bytes')).toBe(false)
    expect(Object.keys(now().files)).toEqual(Object.keys(before.files).filter((name) => name !== path))
  })

  test('[UND3] comes back the same, from plain and from sealed', async () => {
    for (const sealed of [false, true]) {
      const { vault, taken, now, before } = await withFile(path)
      await vault.take(taken)
      if (sealed) await vault.seal()
      expect(await vault.restore(taken, taken.path)).toEqual({ gaps: [] })
      expect(now()).toEqual(before)
    }
  })

  test('[UND4] stays sealed in the vault after it was put back, until it is released', async () => {
    const { vault, taken, names } = await withFile(path)
    await vault.take(taken)
    await vault.restore(taken, taken.path)
    await vault.seal()
    expect(vault.holds(taken)).toBe('sealed')
    expect(await vault.check(taken)).toMatchObject({ intact: true })
    await vault.release(taken)
    expect(vault.holds(taken)).toBe('nothing')
    for (const part of ['plain', 'sealed', 'items', 'work', 'stray']) expect(names(part)).toEqual([])
    await vault.release(taken)
  })

  test('an immutable file is taken and comes back immutable', async () => {
    const { machine, vault, record, now } = await withFile(path)
    machine.change(path, { flags: 0x30 })
    const before = now()
    const taken = await record(path)
    await vault.take(taken)
    await vault.seal()
    await vault.restore(taken, taken.path)
    expect(now()).toEqual(before)
  })

  test('[UND3] holes stay holes', async () => {
    const { machine, vault, record, now } = await withFile(path)
    machine.writeAt(path, 'far away', 40 * 4096)
    machine.truncate(path, 100 * 4096 + 17)
    machine.change(path, marks)
    const before = now()
    const taken = await record(path)
    expect(taken.ranges).not.toBeNull()
    await vault.take(taken)
    await vault.seal()
    await vault.restore(taken, taken.path)
    expect(now()).toEqual(before)
  })

  test('[UND3] recorded runs that miss something cost the holes, never a byte', async () => {
    const { machine, vault, record } = await withFile(path)
    machine.writeAt(path, 'far away', 40 * 4096)
    const content = machine.readFile(path)
    const honest = await record(path)
    await vault.take(honest)
    await vault.seal()
    const wrong = { ...honest, ranges: [{ offset: 0, length: 4096 }] }
    expect(await vault.restore(wrong, wrong.path)).toMatchObject({ gaps: [{ what: 'holes' }] })
    expect(machine.readFile(path)).toEqual(content)
  })

  test('an empty file is a file', async () => {
    const { vault, taken, now, before } = await withFile(path, '')
    await vault.take(taken)
    await vault.seal()
    expect(await vault.check(taken)).toMatchObject({ intact: true })
    await vault.restore(taken, taken.path)
    expect(now()).toEqual(before)
  })

  test('[A8] of a hard-linked file one name goes, and the others show the same as before', async () => {
    const { machine, vault, record, now } = await withFile(path)
    const other = `${path}.other`
    machine.link(path, other)
    machine.change(path, { flags: 0x10 })
    const before = now().files[other]
    const taken = await record(path)
    expect(taken.links).toBe(2)
    await vault.take(taken)
    expect({ ...now().files[other], sameAs: null }).toEqual({ ...before, sameAs: null })
    await vault.seal()
    expect({ ...now().files[other], sameAs: null }).toEqual({ ...before, sameAs: null })
    await vault.restore(taken, path === taken.path ? taken.path : pathOf(path))
    expect({ ...now().files[other], sameAs: null }).toEqual({ ...before, sameAs: null })
    expect(machine.readFile(path)).toEqual(machine.readFile(other))
  })

  test('[VLT5] one that has other bytes than were approved is left alone', async () => {
    const { machine, vault, taken, names, now } = await withFile(path)
    machine.writeAt(path, 'E', 0)
    const before = now()
    expect(await codeOf(vault.take(taken))).toBe('target_changed')
    expect(now()).toEqual(before)
    for (const part of ['plain', 'items', 'work']) expect(names(part)).toEqual([])
  })

  test('[VLT5] another file of the same bytes is another file', async () => {
    const { machine, vault, taken, now } = await withFile(path)
    machine.writeFile(`${path}.twin`, 'evil bytes')
    machine.rename(`${path}.twin`, path)
    const before = now()
    expect(await codeOf(vault.take(taken))).toBe('target_changed')
    expect(now()).toEqual(before)
  })
})

test('[VLT2] before it is sealed, the very file goes back, with its other names', async () => {
  const { machine, vault, record, now } = await withFile()
  machine.link('/home/u/evil', '/home/u/other')
  const before = now()
  const taken = await record('/home/u/evil')
  await vault.take(taken)
  await vault.restore(taken, taken.path)
  expect(now()).toEqual(before)
  expect(machine.identity('/home/u/evil')).toEqual(taken.file)
})

test('[VLT4] equal files are kept once, and the bytes go with the last of them', async () => {
  const { machine, open, record, names } = vaultScene()
  const vault = await open()
  const records = []
  for (let number = 0; number < 20; number++) {
    machine.writeFile(`/home/u/${number}`, number % 2 === 0 ? 'even' : 'odd', { ...marks, mode: 0o600 + number })
    records.push(await record(`/home/u/${number}`))
  }
  for (const each of records) await vault.take(each)
  expect(await vault.seal()).toEqual({ sealed: 20, left: [] })
  expect(names('sealed')).toHaveLength(2)
  expect(names('items')).toHaveLength(20)
  for (const [number, each] of records.entries()) {
    await vault.restore(each, each.path)
    expect(machine.disk.find(each.path)?.metadata).toMatchObject({ mode: 0o600 + number })
    await vault.release(each)
    expect(names('sealed')).toHaveLength(number < 18 ? 2 : 19 - number)
  }
})

test('[VLT4] lists what it holds without reading any of it', async () => {
  const { machine, open, record } = vaultScene()
  const vault = await open()
  machine.writeFile('/home/u/a', 'a'.repeat(5_000))
  machine.writeFile('/home/u/b', 'bb')
  const [a, b] = [await record('/home/u/a'), await record('/home/u/b')]
  await vault.take(a)
  await vault.seal()
  await vault.take(b)
  expect(await vault.list()).toEqual([
    { item: a.item, sha256: a.sha256, state: 'sealed', sizeBytes: 5_000 },
    { item: b.item, sha256: b.sha256, state: 'plain', sizeBytes: 2 },
  ])
})

describe('[JRN6] [VLT4] what it cannot take it says before', () => {
  test('too large', async () => {
    const { open } = vaultScene()
    const vault = await open(undefined, { maxItemBytes: 100 })
    expect(vault.unable(100, pathOf('/home/u/x'))).toBeNull()
    expect(vault.unable(101, pathOf('/home/u/x'))).toMatchObject({ code: 'target_too_large' })
  })

  test('no room: for sealing, and for a copy too where one is made', async () => {
    const { machine, open } = vaultScene()
    machine.mount('/state', { sizeBytes: 100_000 })
    machine.mkdir('/state', { mode: 0o700 })
    const vault = await open(undefined, { reserveBytes: 20_000 })
    expect(vault.unable(75_000, pathOf('/state/x'))).toBeNull()
    expect(vault.unable(75_000, pathOf('/home/u/x'))).toMatchObject({ code: 'no_space' })
    expect(vault.unable(35_000, pathOf('/home/u/x'))).toBeNull()
    expect(vault.unable(80_000, pathOf('/state/x'))).toMatchObject({ code: 'no_space' })
  })

  test('a disk that is full after all keeps the plain file, and seals it when there is room', async () => {
    const { machine, open, record } = vaultScene()
    machine.mount('/state', { sizeBytes: 200_000 })
    machine.mkdir('/state', { mode: 0o700 })
    machine.writeFile('/state/evil', 'e'.repeat(50_000))
    machine.writeFile('/state/filler', 'f'.repeat(100_000))
    const vault = await open(undefined, { reserveBytes: 10_000 })
    const taken = await record('/state/evil')
    await vault.take(taken)
    expect(await vault.seal()).toMatchObject({ sealed: 0, left: [{ item: taken.item, code: 'no_space' }] })
    expect(await vault.check(taken)).toMatchObject({ intact: true })
    expect(await vault.restore(taken, taken.path)).toMatchObject({ gaps: [{ what: 'copy in the vault' }] })
    await vault.take(taken)
    machine.remove('/state/filler')
    expect(await vault.seal()).toEqual({ sealed: 1, left: [] })
  })
})

describe('its folder', () => {
  test.each([
    ['its mode lets others in', { mode: 0o750 }],
    ['it belongs to somebody else', { mode: 0o700, owner: 77 }],
  ])('is not opened when %s', async (_, how) => {
    const { machine, open } = vaultScene()
    machine.mkdir(vaultFolder, how)
    expect(await codeOf(open())).toBe('vault_exposed')
  })

  test('[VLT2] is not reached through a link', async () => {
    const { machine, open } = vaultScene()
    machine.mkdir('/home/u/trap', { mode: 0o700 })
    machine.symlink(vaultFolder, '/home/u/trap')
    expect(await codeOf(open())).toBe('target_behind_link')
    const { machine: other, open: openOther } = vaultScene()
    other.mkdir(vaultFolder, { mode: 0o700 })
    other.mkdir('/home/u/trap', { mode: 0o700 })
    other.symlink(`${vaultFolder}/plain`, '/home/u/trap')
    expect(await codeOf(openOther())).toBe('target_behind_link')
  })

  test('[UND4] without its key it stays shut, rather than getting a new one', async () => {
    const { machine, open, vault, taken } = await withFile()
    await vault.take(taken)
    await vault.seal()
    machine.remove(`${vaultFolder}/vault.key`)
    expect(await codeOf(open())).toBe('record_damaged')
    machine.writeFile(`${vaultFolder}/vault.key`, 'short')
    expect(await codeOf(open())).toBe('record_damaged')
  })

  test('what lies in it under names it never gives is neither sealed nor in the way', async () => {
    const { machine, open, record, names } = vaultScene()
    const vault = await open()
    machine.writeFile(`${vaultFolder}/plain/readme`, 'hello')
    machine.mkdir(`${vaultFolder}/sealed/${'a'.repeat(64)}.d`)
    machine.writeFile('/home/u/evil', 'evil')
    const taken = await record('/home/u/evil')
    await vault.take(taken)
    expect(await vault.seal()).toEqual({ sealed: 1, left: [] })
    expect(names('plain')).toEqual(['readme'])
    expect(await vault.list()).toHaveLength(1)
  })
})

test('an agent without the rights of the system can still open what it has taken', async () => {
  const scene = vaultScene({ privileged: false })
  const { machine } = scene
  machine.writeFile('/home/u/own', 'own', { uid: machine.agentUser, gid: machine.agentUser, mode: 0o755 })
  const vault = await scene.open()
  const before = machine.snapshot({ without: [vaultFolder] })
  const taken = await scene.record('/home/u/own')
  await vault.take(taken)
  const again = await scene.open(modelHost(machine), { random: repeatable('second start') })
  expect(await again.seal()).toEqual({ sealed: 1, left: [] })
  expect(await again.restore(taken, taken.path)).toEqual({ gaps: [] })
  expect(machine.snapshot({ without: [vaultFolder] })).toEqual(before)
})

test('[UND3] what the machine does not take is named', async () => {
  const { machine, open, record } = vaultScene()
  machine.mount('/poor', { keepsXattrs: false, keepsFlags: false })
  machine.writeFile('/home/u/rich', 'rich', { ...marks, flags: 0x10 })
  const vault = await open()
  const rich = await record('/home/u/rich')
  await vault.take(rich)
  await vault.seal()
  machine.mkdir('/poor/dir')
  const moved = { ...rich, path: pathOf('/poor/dir/rich'), directory: machine.identity('/poor/dir') }
  const { gaps } = await vault.restore(moved, moved.path)
  expect(gaps.map(({ what }) => what)).toEqual(expect.arrayContaining(['flags', 'extended attribute user.origin']))
})

test('items are named by the record alone: a path in it is never part of a name in the vault', async () => {
  const { vault, taken, names } = await withFile('/home/u/../../etc'.replaceAll('/..', '/dots'))
  await vault.take(taken)
  expect(names('plain')).toEqual([`${itemOf(1)}.${taken.sha256}`])
})
