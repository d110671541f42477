import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { destination, pino } from 'pino'
import { type RunningServer, startServer } from '../../server/server.ts'
import { type Person, signIn, withSession } from './people.ts'
import type { Report } from './report.ts'

/** A control plane of the tour's own, and who works with it: one asks, another approves. */
export interface ControlPlane {
  readonly server: RunningServer
  readonly admin: Person
  readonly ann: Person
  readonly ben: Person
  /** Hex; noted before anything happens, as an auditor would. */
  readonly auditKey: string
}

/** Starts it on free ports; `deviceHost` is where devices reach it. */
export const startControlPlane = (folder: string, deviceHost: string): Promise<RunningServer> => {
  const forDevices = { host: deviceHost, port: 0 }
  return startServer({
    dataFolder: join(folder, 'server'),
    web: { host: '127.0.0.1', port: 0 },
    gateway: forDevices,
    enrol: forDevices,
    canary: forDevices,
    publicHost: deviceHost,
    log: pino({}, destination({ dest: join(folder, 'server.log'), sync: true, mode: 0o600 })),
  })
}

/** First start: one administrator by the set-up link, who adds two responders. */
export async function setUp(server: RunningServer, folder: string, report: Report): Promise<ControlPlane> {
  const { url, setUpUrl } = server
  const secret = setUpUrl?.split('#')[1] ?? ''
  const passwords = { admin: newPassword(), ann: newPassword(), ben: newPassword() }
  const post = (path: string, body: unknown, cookie = '') =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'recourse-client': 'tour', ...(cookie === '' ? {} : { cookie }) },
      body: JSON.stringify(body),
    })
  const first = await post('/v1/setup', { secret, name: 'admin', password: passwords.admin })
  report.claim('the one-time link makes the first administrator; there is no default password', first.status === 201, {
    status: first.status,
    said: await first.text(),
  })
  const second = await post('/v1/setup', { secret, name: 'intruder', password: newPassword() })
  report.claim('the link works once', second.status === 410, second.status)

  const cookie = first.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ')
  for (const name of ['ann', 'ben'] as const) {
    const added = await post('/v1/people', { name, password: passwords[name], role: 'responder' }, cookie)
    if (added.status !== 201) throw new Error(`${name} could not be added: ${await added.text()}`)
  }
  const people = join(folder, 'people')
  const admin = withSession(people, url, 'admin', cookie)
  const [ann, ben] = await Promise.all([
    signIn(people, url, 'ann', passwords.ann),
    signIn(people, url, 'ben', passwords.ben),
  ])
  report.claim('ann and ben sign in with the command line', true)
  const { publicKey } = await admin.ask<{ publicKey: string }>('audit', 'key')
  return { server, admin, ann, ben, auditKey: publicKey }
}

const newPassword = (): string => randomBytes(18).toString('base64url')
