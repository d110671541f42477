import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { startServer } from '../../server/server.ts'
import type { Plane } from '../../simulator/fleet/control-plane.ts'
import { type Operator, openOperator, type Pass, setUpPeople } from '../../simulator/fleet/operator.ts'

/** A whole control plane in this process, set up with two people, and a token that lets so many devices in. */
export async function inProcessPlane(devices: number): Promise<{
  plane: Plane
  operator: Operator
  people: { asking: Pass; deciding: Pass }
  token: string
  close(): Promise<void>
}> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'recourse-plane-'))
  const listen = { host: '127.0.0.1', port: 0 }
  const server = await startServer({
    dataFolder,
    web: listen,
    gateway: listen,
    enrol: listen,
    canary: listen,
    publicHost: 'localhost',
    log: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
  })
  const { url, setUpUrl } = server
  if (setUpUrl === null) throw new Error('a new control plane gave no set-up link')
  const people = await setUpPeople(url, setUpUrl)
  const operator = openOperator(url, people)
  await operator.setRules({ rolloutFrom: 1_000 })
  return {
    plane: {
      url,
      setUpUrl,
      enrolAt: { host: '127.0.0.1', port: server.enrolPort },
      gatewayAt: { host: '127.0.0.1', port: server.gatewayPort },
      own: null,
    },
    operator,
    people,
    token: await operator.enrolmentToken(devices),
    async close() {
      await server.stop()
      rmSync(dataFolder, { recursive: true, force: true })
    },
  }
}
