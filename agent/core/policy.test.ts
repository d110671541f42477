import { chmodSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { filePath } from '../../protocol/file-path.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { hashOf } from '../../tests/kit/toy-machine.ts'
import { openPolicy, type PolicyQuestion } from './policy.ts'

let folder: string
let path: string
let seen: boolean
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-policy-'))
  path = join(folder, 'policy.json')
  seen = false
})
afterEach(() => rmSync(folder, { recursive: true }))

const policy = () => openPolicy({ path, platform: 'linux', seen: { get: () => seen, set: () => void (seen = true) } })
const write = (content: unknown) =>
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 })
const about = (file: string, more: Partial<PolicyQuestion> = {}): PolicyQuestion => ({
  kind: 'do',
  action: 'quarantine-file',
  target: { kind: 'file', key: file, label: file },
  touches: [filePath.parse(file)],
  ...more,
})
const device: PolicyQuestion = {
  kind: 'do',
  action: 'isolate-device',
  target: { kind: 'device', key: 'network', label: 'network' },
  touches: [],
}

describe('[TRU5] the local policy', () => {
  test('allows everything where there never was one, and nothing where it has gone', () => {
    const asked = policy()
    expect(asked.forbids(about('/a'))).toBeNull()
    write({})
    expect(asked.forbids(about('/a'))).toBeNull()
    unlinkSync(path)
    expect(asked.forbids(about('/a'))).toContain('is gone')
    expect(policy().forbids(about('/a'))).toContain('is gone')
  })

  test('forbids actions, and everything but some', () => {
    write({ forbidActions: ['isolate-device'] })
    expect(policy().forbids(device)).toContain('isolate-device is forbidden')
    expect(policy().forbids(about('/a'))).toBeNull()
    write({ onlyActions: ['isolate-device'] })
    expect(policy().forbids(device)).toBeNull()
    expect(policy().forbids(about('/a'))).toContain('not among')
  })

  test('forbids paths, by whole components, in the target and in everything that would be touched', () => {
    write({ forbidPaths: ['/srv/keep'] })
    const asked = policy()
    expect(asked.forbids(about('/srv/keep/x'))).toContain('/srv/keep/x')
    expect(asked.forbids(about('/srv/keeper'))).toBeNull()
    expect(asked.forbids(about('/a', { touches: [filePath.parse('/b'), filePath.parse('/srv/keep')] }))).toContain(
      '/srv/keep lies',
    )
    expect(asked.forbids(device)).toBeNull()
  })

  test('confines to folders: what is about the whole device, or does not say what it touches, is refused', () => {
    write({ onlyWithin: ['/playground'] })
    const asked = policy()
    expect(asked.forbids(about('/playground/x'))).toBeNull()
    expect(asked.forbids(about('/playground/x', { touches: null }))).toBeNull()
    expect(asked.forbids(about('/playground/x', { touches: [filePath.parse('/etc/passwd')] }))).toContain('/etc/passwd')
    expect(asked.forbids(about('/etc/passwd'))).toContain('outside')
    expect(asked.forbids(device)).toContain('whole device')
    const process = { kind: 'process', key: 'x', label: 'x' } as const
    expect(asked.forbids({ ...device, action: 'kill-process', target: process, touches: null })).toBeNull()
    expect(asked.forbids({ ...device, action: 'kill-process', target: process })).toContain('does not say')
  })

  test('lets what stood before come back, but not outside of its folders', () => {
    write({ forbidActions: ['quarantine-file', 'isolate-device'], onlyWithin: ['/playground'] })
    expect(policy().forbids(about('/playground/x', { kind: 'undo' }))).toBeNull()
    expect(policy().forbids(about('/etc/passwd', { kind: 'undo' }))).toContain('outside')
    expect(policy().forbids({ ...device, kind: 'undo' })).toBeNull()
  })

  test('counts at once when it is edited or replaced', () => {
    const asked = policy()
    write({})
    expect(asked.forbids(device)).toBeNull()
    write({ forbidActions: ['isolate-device'] })
    expect(asked.forbids(device)).not.toBeNull()
    writeFileSync(`${path}.new`, '{}', { mode: 0o600 })
    renameSync(`${path}.new`, path)
    expect(asked.forbids(device)).toBeNull()
  })

  test.for([
    ['is no JSON', 'not json', 'is not JSON'],
    ['says what is not understood', { forbidAction: ['isolate-device'] }, 'is not valid'],
    ['names an action that does not exist', { forbidActions: ['isolate'] }, 'is not valid'],
    ['holds a path that is none', { forbidPaths: ['../x'] }, 'is not valid'],
    ['is huge', ' '.repeat(1_100_000), 'is larger'],
  ] as const)('forbids everything when it %s', ([, content, why]) => {
    write(content)
    expect(policy().forbids(about('/a'))).toContain(why)
    expect(policy().forbids(about('/a', { kind: 'undo' }))).toContain(why)
  })

  test('forbids everything when others can write it, or when it is a link', () => {
    write({})
    chmodSync(path, 0o666)
    expect(policy().forbids(about('/a'))).toContain('can be written by others')
    chmodSync(path, 0o600)
    renameSync(path, `${path}.real`)
    symlinkSync(`${path}.real`, path)
    expect(policy().forbids(about('/a'))).toContain('cannot be opened')
  })
})

describe('[TRU5] the core', () => {
  let rig: Rig
  beforeEach(() => {
    rig = coreRig()
    rig.toy.files.set('/playground/a', 'a').set('/b', 'b')
  })
  afterEach(() => rig.dispose())

  test('asks before anything is prepared, and no order can lift it', async () => {
    write({ onlyWithin: ['/playground'] })
    const core = await rig.start({ policyPath: path })
    const [inside, outside, whole, changed] = [0, 1, 2, 3].map(() => rig.newId<ActionId>()) as [
      ActionId,
      ActionId,
      ActionId,
      ActionId,
    ]
    const prepared: string[] = []
    rig.toy.pause = async (where) => void prepared.push(where)
    await core.order(rig.quarantine('/playground/a', { id: inside }))
    await core.order(rig.quarantine('/b', { id: outside }))
    await core.order(rig.doing('isolate-device', {}, { id: whole }))
    await core.settled()
    expect(rig.outcome(core, inside)).toMatchObject({ status: 'succeeded' })
    expect(rig.outcome(core, outside)).toMatchObject({ status: 'refused', code: 'policy_forbids' })
    expect(rig.outcome(core, whole)).toMatchObject({ status: 'refused', code: 'policy_forbids' })
    expect(prepared.filter((it) => it.includes('/b'))).toEqual([])
    expect(
      await core.preview({ kind: 'do', action: 'quarantine-file', params: { path: '/b', sha256: hashOf('b') } }),
    ).toMatchObject({
      answer: 'refused',
      code: 'policy_forbids',
    })
    rig.toy.processes.set(7, 'running')
    const target = { process: { pid: 7, startedAt: '1', bootId: 'b0' } }
    const process = rig.newId<ActionId>()
    await core.order(rig.doing('suspend-process', { target }, { id: process }))
    await core.settled()
    expect(rig.outcome(core, process)).toMatchObject({ status: 'refused', code: 'policy_forbids' })
    expect(rig.toy.processes.get(7)).toBe('running')
    write({ forbidPaths: ['/playground'] })
    await core.order(rig.undoing(inside, 'quarantine-file', { id: changed }))
    await core.settled()
    expect(rig.outcome(core, changed)).toMatchObject({ status: 'refused', code: 'policy_forbids' })
    expect(rig.toy.box.get(inside)).toBe('a')
  })
})
