import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { ActionId } from '../protocol/ids.ts'
import { askAgent } from './commands/ask-agent.ts'
import { type ControlDeps, startControl } from './control.ts'
import { lockState, openStateFolder } from './state-folder.ts'
import type { Vault } from './vault/vault.ts'

const root = mkdtempSync(join(tmpdir(), 'recourse-control-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const actionId = '01920000-0000-7000-8000-000000000004' as ActionId
const unused = (): never => {
  throw new Error('nobody asks for this')
}
const vault: Vault = {
  unable: unused,
  take: unused,
  seal: unused,
  holds: unused,
  check: async () => ({ intact: true, detail: 'as it was' }),
  read: unused,
  restore: unused,
  release: unused,
  list: async () => [{ item: 'a', state: 'stray', sha256: null, sizeBytes: 3 }],
  close: unused,
}
const deps: ControlDeps = {
  core: {
    inForce: () => [],
    undoLocally: async (id, code) => ({ status: 'refused', code: 'code_invalid', detail: `${id} ${code}`, at: 1 }),
  },
  vault,
  log: { debug() {}, info() {}, warn() {}, error() {} },
  status: () => ({
    deviceId: 'd',
    version: '1',
    gateway: 'g:1',
    link: 'waiting',
    since: 1,
    trouble: null,
    certificateExpiresAt: 2,
    inForce: 0,
    capabilities: [],
  }),
}

async function serving<T>(name: string, work: (folder: string, path: string) => Promise<T>): Promise<T> {
  const folder = join(root, name)
  mkdirSync(folder)
  const path = join(folder, 'control.sock')
  const control = await startControl(path, deps)
  try {
    return await work(folder, path)
  } finally {
    await control.close()
  }
}

/** What comes back for bytes that are no request of ours. */
const send = (path: string, bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.end(bytes))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })

describe('the control socket', () => {
  test('answers each command', async () => {
    await serving('each', async (folder) => {
      expect(await askAgent(folder, { ask: 'status' })).toMatchObject({ ok: true, status: { link: 'waiting' } })
      expect(await askAgent(folder, { ask: 'in-force' })).toEqual({ ok: true, ask: 'in-force', entries: [] })
      expect(await askAgent(folder, { ask: 'verify-vault' })).toMatchObject({
        ok: true,
        findings: [{ item: 'a', intact: false }],
      })
      expect(await askAgent(folder, { ask: 'undo', actionId, code: 'C' })).toMatchObject({
        ok: true,
        outcome: { status: 'refused', detail: `${actionId} C` },
      })
    })
  })

  test('is for its user alone', async () => {
    await serving('alone', async (_folder, path) => {
      expect(statSync(path).mode & 0o777).toBe(0o600)
    })
  })

  test('[TRU6] turns down what it does not understand, and cuts off what never ends', async () => {
    await serving('hostile', async (folder, path) => {
      for (const text of ['{}\n', 'x\n', '{"ask":"undo","actionId":"x","code":""}\n', '\n'])
        expect(JSON.parse(await send(path, text))).toMatchObject({ ok: false, code: 'request_invalid' })
      expect(await send(path, 'x'.repeat(200_000)).catch(() => '')).toBe('')
      expect(await askAgent(folder, { ask: 'in-force' })).toMatchObject({ ok: true })
    })
  })

  test('where no agent runs there is no answer, also when one died and left its socket behind', async () => {
    const folder = join(root, 'dead')
    mkdirSync(folder)
    expect(await askAgent(folder, { ask: 'status' })).toBeNull()
    writeFileSync(join(folder, 'control.sock'), '')
    expect(await askAgent(folder, { ask: 'status' })).toBeNull()
    const control = await startControl(join(folder, 'control.sock'), deps)
    expect(await askAgent(folder, { ask: 'status' })).toMatchObject({ ok: true })
    await control.close()
  })
})

describe('the state folder', () => {
  test('is made for its user alone, and taken back from others where it was open', () => {
    const path = join(root, 'state')
    openStateFolder(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    chmodSync(path, 0o755)
    openStateFolder(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  test('that is a file, or lies where others can exchange it, is refused or said', () => {
    writeFileSync(join(root, 'file'), '')
    expect(() => openStateFolder(join(root, 'file'))).toThrow()
    const open = join(root, 'open')
    mkdirSync(open)
    chmodSync(open, 0o777)
    expect(openStateFolder(join(open, 'state')).exposed).toContain(open)
    chmodSync(open, 0o1777)
    expect(openStateFolder(join(open, 'state')).exposed).toBeNull()
  })

  test('is held by one process', () => {
    const state = openStateFolder(join(root, 'held'))
    const lock = lockState(state)
    expect(() => lockState(state)).toThrow(/another agent/)
    lock[Symbol.dispose]()
    lockState(state)[Symbol.dispose]()
  })
})
