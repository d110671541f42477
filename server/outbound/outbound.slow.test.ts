import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { testPassword } from '../test-app.ts'
import { webhookReceiver } from './receivers.ts'

const folder = mkdtempSync(join(tmpdir(), 'recourse-outbound-'))
let running: Running | null = null

interface Running {
  readonly process: ChildProcess
  readonly url: string
  readonly secret: string | null
  readonly exited: Promise<unknown>
}

const flags = ['--data', folder, '--listen', '127.0.0.1:0', '--device-host', '127.0.0.1', '--public-host', '127.0.0.1']
const ports = ['--gateway-port', '0', '--enrol-port', '0', '--canary-port', '0', '--log-level', 'error']

async function begin(): Promise<Running> {
  const program = ['--import', import.meta.resolve('tsx'), join(import.meta.dirname, '../main.ts')]
  const child = spawn(process.execPath, [...program, ...flags, ...ports, '--allow-outbound', '127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  let said = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const found = /Recourse is at (\S+)\n/.exec(said)?.[1]
      if (found !== undefined) setTimeout(() => resolve(found), 50)
    })
    void exited.then(() => reject(new Error(`the server ended: ${said}`)))
  })
  return { process: child, url, secret: /#(\S+)/.exec(said)?.[1] ?? null, exited }
}

const kill = async (it: Running) => {
  it.process.kill('SIGKILL')
  await it.exited
}

afterAll(async () => {
  if (running !== null) await kill(running)
  rmSync(folder, { recursive: true, force: true })
})

test('[AUD1] a server that is killed again and again while it forwards loses no entry, and every double has its id', async () => {
  const receiver = await webhookReceiver()
  running = await begin()
  const post = async (path: string, body: unknown, cookie = '') => {
    const headers = { 'content-type': 'application/json', 'recourse-client': 'test', cookie }
    const answer = await fetch(`${running?.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(answer.status, path).toBeLessThan(300)
    return answer.headers.get('set-cookie')?.split(';')[0] ?? cookie
  }
  const cookie = await post('/v1/setup', { secret: running.secret, name: 'root', password: testPassword })
  const target = { kind: 'webhook', url: receiver.url }
  await post('/v1/forwarders', { name: 'siem', from: 'beginning', target }, cookie)

  for (let death = 0; death < 8; death++) {
    // Some rules more, each an entry; then it dies somewhere between taking an entry up and noting that it went out.
    for (let at = 0; at <= death; at++) {
      const role = { name: `r-${death}-${at}`, permissions: ['view'] }
      await post('/v1/roles', role, cookie)
    }
    const heard = receiver.heard.length
    if (death % 2 === 1) await until(() => receiver.heard.length > heard)
    await kill(running)
    running = await begin()
  }

  const sequences = () =>
    receiver.heard.flatMap((it) =>
      it.body
        .trimEnd()
        .split('\n')
        .map((line): number => JSON.parse(line).event.sequence),
    )
  const last = newestEntry()
  await until(() => sequences().includes(last))
  expect([...new Set(sequences())].filter((it) => it <= last).sort((a, b) => a - b)).toEqual(
    Array.from({ length: last }, (_, at) => at + 1),
  )
  for (const { body } of receiver.heard) {
    for (const line of body.trimEnd().split('\n')) {
      const { uid, event }: { uid: string; event: { sequence: number } } = JSON.parse(line)
      expect(uid).toBe(`audit-${event.sequence}`)
    }
  }
  await receiver.close()
}, 240_000)

function newestEntry(): number {
  const database = new DatabaseSync(join(folder, 'recourse.db'), { readOnly: true })
  const row = database.prepare('select max(sequence) as last from audit').get()
  database.close()
  return Number(row?.['last'])
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}
