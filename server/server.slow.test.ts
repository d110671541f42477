import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DeviceId, newId } from '../protocol/ids.ts'
import { verifyExport } from './audit/verify.ts'
import { systemSource } from './source.ts'
import { quarantine, testPassword } from './test-app.ts'

const folder = mkdtempSync(join(tmpdir(), 'recourse-kill-'))
const device = newId<DeviceId>(systemSource)
let running: Running | null = null

interface Running {
  readonly process: ChildProcess
  readonly url: string
  readonly setUpSecret: string | null
  readonly exited: Promise<number | null>
}

const flags = ['--data', folder, '--listen', '127.0.0.1:0', '--device-host', '127.0.0.1', '--public-host', '127.0.0.1']
const ports = ['--gateway-port', '0', '--enrol-port', '0', '--canary-port', '0', '--log-level', 'error']

/** A real server process, when it has said where it is. */
async function begin(): Promise<Running> {
  const args = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts'), ...flags, ...ports]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const found = /Recourse is at (\S+)\n/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    void exited.then((code) => reject(new Error(`the server ended with ${code}: ${said}`)))
  })
  return { process: child, url, setUpSecret: /#(\S+)/.exec(said)?.[1] ?? null, exited }
}

const post = (url: string, path: string, cookie: string, body: unknown) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'recourse-client': 'test', cookie },
    body: JSON.stringify(body),
  })

const cookieOf = (answer: Response) => answer.headers.get('set-cookie')?.split(';')[0] ?? ''

beforeAll(async () => {
  running = await begin()
  const body = { secret: running.setUpSecret, name: 'root', password: testPassword, separationOfDuties: false }
  if ((await post(running.url, '/v1/setup', '', body)).status !== 201) throw new Error('it could not be set up')
  running.process.kill('SIGTERM')
  if ((await running.exited) !== 0) throw new Error('it did not stop when asked')
  // A device without a machine: this test is about what the server keeps.
  const database = new DatabaseSync(join(folder, 'recourse.db'))
  database
    .prepare(`insert into device (id, name, platform, facts, tags, status, enrolled_at, token_id, in_force, simulated)
      values (?, 'model', 'linux', ?, '[]', 'active', 0, 't', '[]', 0)`)
    .run(device, JSON.stringify({ capabilities: [{ action: 'quarantine-file', support: 'supported', reason: '' }] }))
  database.close()
})
afterAll(async () => {
  running?.process.kill('SIGKILL')
  await running?.exited
  rmSync(folder, { recursive: true, force: true })
})

test('a server killed in the middle of its writes has kept everything it had acknowledged, and its chain is whole', async () => {
  const acknowledged = new Set<string>()
  let unsure = 0
  // Six deaths, and more when none of them has yet cut a write whose end nobody knows.
  for (let round = 0; round < 6 || unsure === 0; round++) {
    running = await begin()
    const { url } = running
    const signedIn = await post(url, '/v1/sign-in', '', { name: 'root', password: testPassword })
    const cookie = cookieOf(signedIn)
    let stop = false
    const write = async (writer: number) => {
      for (let at = 0; !stop; at++) {
        const path = `/tmp/${round}-${writer}-${at}`
        try {
          const answer = await post(url, '/v1/actions', cookie, quarantine([device], path, { approve: at % 2 === 0 }))
          if (answer.status === 201) acknowledged.add(path)
        } catch {
          unsure++
          return
        }
      }
    }
    const before = acknowledged.size
    const writers = Array.from({ length: 12 }, (_, writer) => write(writer))
    // In the middle of them, each time after another number.
    while (acknowledged.size < before + 20 + round * 37) await new Promise((resolve) => setTimeout(resolve, 1))
    running.process.kill('SIGKILL')
    stop = true
    await Promise.all(writers)
    await running.exited
  }

  running = await begin()
  const cookie = cookieOf(await post(running.url, '/v1/sign-in', '', { name: 'root', password: testPassword }))
  const get = (path: string) => fetch(`${running?.url}${path}`, { headers: { cookie } })
  const exported = new Uint8Array(await (await get('/v1/audit/export')).arrayBuffer())
  const { publicKey }: { publicKey: string } = JSON.parse(await (await get('/v1/audit/key')).text())
  expect(await verifyExport([exported], Buffer.from(publicKey, 'hex'))).toMatchObject({ ok: true, unanchored: 0 })

  const database = new DatabaseSync(join(folder, 'recourse.db'), { readOnly: true })
  const rows = database.prepare('select target_label as path, status, mandate_id, decided_at from action').all()
  const events = database.prepare('select count(*) as n, max(id) as last from event').get()
  database.close()
  const kept = new Set(rows.map((row) => row.path))
  expect([...acknowledged].filter((path) => !kept.has(path))).toEqual([])
  // Nothing is half there: what is queued is signed, what is pending is not, and no event is missing or doubled.
  for (const row of rows) expect([row.path, row.mandate_id !== null]).toEqual([row.path, row.status === 'queued'])
  expect(events?.n).toBe(events?.last)
  expect(kept.size).toBe(rows.length)
})

test('a second process on the same data says so and ends with 3', async () => {
  running ??= await begin()
  const failure = await begin().catch((reason: unknown) => String(reason))
  expect(failure).toMatch(/ended with 3: .*another process holds the database/)
})
