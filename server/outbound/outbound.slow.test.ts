import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import { systemSource } from '../source.ts'
import { quarantine, testPassword } from '../test-app.ts'
import { mailReceiver } from './mail-receiver.ts'
import { selfSigned, syslogReceiver, webhookReceiver } from './receivers.ts'

const ports = ['--gateway-port', '0', '--enrol-port', '0', '--canary-port', '0', '--log-level', 'error']
const hosts = ['--listen', '127.0.0.1:0', '--device-host', '127.0.0.1', '--public-host', '127.0.0.1']
const inside = ['--allow-outbound', '127.0.0.1', '--allow-outbound', 'localhost']

/** A real server process over a folder, which dies by SIGKILL and comes back. */
async function startMortal() {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-outbound-'))
  let child: ChildProcess | null = null
  let url = ''
  let secret = ''
  const start = async () => {
    const program = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../main.ts')]
    const started = spawn(process.execPath, [...program, '--data', folder, ...hosts, ...ports, ...inside], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = started
    let said = ''
    url = await new Promise<string>((resolve, reject) => {
      started.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        const found = /Recourse is at (\S+)\n/.exec(said)?.[1]
        if (found !== undefined) resolve(found)
      })
      started.once('exit', () => reject(new Error(`the server ended: ${said}`)))
    })
    secret = /#(\S+)/.exec(said)?.[1] ?? secret
  }
  const kill = async () => {
    const dying = child
    child = null
    if (dying === null) return
    const gone = new Promise((resolve) => dying.once('exit', resolve))
    dying.kill('SIGKILL')
    await gone
  }
  let cookie = ''
  const call = async (method: 'POST' | 'PUT', path: string, body: unknown) => {
    const headers = { 'content-type': 'application/json', 'recourse-client': 'test', cookie }
    const answer = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) })
    expect(answer.status, path).toBeLessThan(300)
    cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie
  }
  const database = <T>(use: (it: DatabaseSync) => T): T => {
    const opened = new DatabaseSync(join(folder, 'recourse.db'))
    try {
      return use(opened)
    } finally {
      opened.close()
    }
  }
  await start()
  await call('POST', '/v1/setup', { secret, name: 'root', password: testPassword })
  return {
    call,
    kill,
    start,
    /** Sequence of the newest entry of the chain. */
    newest: () => database((it) => Number(it.prepare('select max(sequence) as last from audit').get()?.['last'])),
    /** Lets a device in that has no machine: these tests are about what the server says of it. Only while the server is dead. */
    addDevice: (): DeviceId => {
      const device = newId<DeviceId>(systemSource)
      const facts = { capabilities: [{ action: 'quarantine-file', support: 'supported', reason: '' }] }
      database((it) =>
        it
          .prepare(`insert into device (id, name, platform, facts, tags, status, enrolled_at, token_id, in_force, simulated)
            values (?, 'model', 'linux', ?, '[]', 'active', 0, 't', '[]', 0)`)
          .run(device, JSON.stringify(facts)),
      )
      return device
    },
    /** What the rules would still tell is due now, however often it failed. */
    hurry: () => database((it) => it.exec('update notification set due_at = 0; update forwarder set due_at = 0')),
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const it of open.splice(0)) await it.close()
})
const using = <T extends { close(): Promise<void> }>(it: T): T => {
  open.push(it)
  return it
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1)

test('[AUD1] a server that is killed again and again while it forwards loses no entry, and every double has its id', async () => {
  const receiver = using(await webhookReceiver())
  await using server = await startMortal()
  const target = { kind: 'webhook', url: receiver.url }
  await server.call('POST', '/v1/forwarders', { name: 'siem', from: 'beginning', target })

  for (let death = 0; death < 8; death++) {
    // Some rules more, each an entry; then it dies somewhere between taking an entry up and noting that it went out.
    for (let at = 0; at <= death; at++) {
      await server.call('POST', '/v1/roles', { name: `r-${death}-${at}`, permissions: ['view'] })
    }
    const heard = receiver.heard.length
    if (death % 2 === 1) await until(() => receiver.heard.length > heard)
    await server.kill()
    await server.start()
  }

  const lines = () =>
    receiver.heard.flatMap((it) =>
      it.body
        .trimEnd()
        .split('\n')
        .map((line): { uid: string; event: { sequence: number } } => JSON.parse(line)),
    )
  const last = server.newest()
  await until(() => lines().some((it) => it.event.sequence === last))
  const sequences = [...new Set(lines().map((it) => it.event.sequence))]
  expect(sequences.filter((it) => it <= last).sort((a, b) => a - b)).toEqual(upTo(last))
  for (const { uid, event } of lines()) expect(uid).toBe(`audit-${event.sequence}`)
})

test('[AUD1] a server that is killed while it speaks syslog loses no entry, and every double has its id', async () => {
  const tls = await selfSigned()
  const receiver = using(await syslogReceiver(tls))
  await using server = await startMortal()
  const target = { kind: 'syslog', host: 'localhost', port: receiver.port, ca: tls.cert }
  await server.call('POST', '/v1/forwarders', { name: 'siem', from: 'beginning', target })

  for (let death = 0; death < 6; death++) {
    const heard = receiver.messages.length
    for (let at = 0; at < 3; at++) {
      await server.call('POST', '/v1/roles', { name: `r-${death}-${at}`, permissions: ['view'] })
    }
    // It has begun to speak; whether it has noted that it was heard is left to chance.
    if (death % 3 !== 0) await until(() => receiver.messages.length > heard)
    await server.kill()
    await server.start()
  }

  const sequences = () => receiver.messages.map((it) => Number(/uid="audit-(\d+)"/.exec(it)?.[1]))
  const last = server.newest()
  await until(() => sequences().includes(last))
  expect([...new Set(sequences())].filter((it) => it <= last).sort((a, b) => a - b)).toEqual(upTo(last))
})

test('a server that is killed in the middle of a mail, or before it is told that it was taken, loses none; a double has the same id', async () => {
  const tls = await selfSigned()
  const account = { user: 'recourse', password: 'the password of our mail' }
  const receiver = using(await mailReceiver({ tls, account }))
  await using server = await startMortal()
  const mail = { host: 'localhost', port: receiver.port, from: 'recourse@example.org', ca: tls.cert, ...account }
  await server.call('PUT', '/v1/mail', mail)
  const channel = { kind: 'mail', to: ['soc@example.org'], digestMinutes: 0 }
  await server.call('POST', '/v1/notifications', { name: 'soc', filter: {}, channel })
  await server.kill()
  const device = server.addDevice()
  await server.start()

  const paths = ['before', 'after', 'before', 'after'].map((where, at) => `/tmp/${where}-${at}`)
  for (const [at, path] of paths.entries()) {
    receiver.mood.stall = at % 2 === 0 ? 'before' : 'after'
    const stalled = receiver.counts.stalled
    await server.call('POST', '/v1/actions', quarantine([device], path))
    await until(() => receiver.counts.stalled > stalled)
    await server.kill()
    receiver.mood.stall = null
    server.hurry()
    const taken = receiver.mails.length
    await server.start()
    await until(() => receiver.mails.length > taken)
  }
  const ids = new Map(paths.map((path) => [path, new Set<string>()]))
  const counts = new Map(paths.map((path) => [path, 0]))
  for (const { text } of receiver.mails) {
    const id = /^message-id: (.*)$/im.exec(text)?.[1] ?? ''
    for (const path of paths.filter((it) => text.includes(it))) {
      ids.get(path)?.add(id)
      counts.set(path, (counts.get(path) ?? 0) + 1)
    }
  }
  expect([...counts]).toEqual(paths.map((path, at) => [path, at % 2 === 0 ? 1 : 2]))
  expect([...ids.values()].map((it) => it.size)).toEqual(paths.map(() => 1))
})
