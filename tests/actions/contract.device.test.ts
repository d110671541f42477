import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sceneKinds } from '../crash/scenes.ts'
import { type LinuxDevice, startDevice } from '../device/linux-device.ts'
import type { RuleResult } from './contract-inside.ts'

const rules: Record<RuleResult['rule'], string> = {
  A1: 'preparing changes nothing',
  A2: 'twice is once, and proved',
  A3: 'taking it back restores exactly, twice too',
  A5: 'the record survives its encoding',
  A6: 'changed by somebody else, it is found so and not damaged',
  A7: 'each effect refused in turn is told by a code, and taken back',
  A8: 'nothing beside the target is touched',
}

describe('every action on a real device', () => {
  let device: LinuxDevice
  let servers: Server[]
  const results: RuleResult[] = []

  beforeAll(async () => {
    device = await startDevice({ name: 'contract' })
    servers = await Promise.all([listen(device.server.v4), listen(device.server.v4)])
    const [controlPlane, canaries] = servers.map((server) => {
      const address = server.address()
      return [{ address: device.server.v4, port: typeof address === 'object' ? (address?.port ?? 0) : 0 }]
    })
    const said = await device.run(
      [
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, 'contract-inside.ts'),
        JSON.stringify({ controlPlane, canaries }),
      ],
      { timeoutMs: 600_000 },
    )
    for (const line of said.trim().split('\n')) results.push(JSON.parse(line) as RuleResult)
  })
  afterAll(async () => {
    for (const server of servers) server.close()
    await device.stop()
  })

  const cells = sceneKinds.flatMap(({ name }) =>
    (Object.keys(rules) as RuleResult['rule'][]).map((rule) => ({ name, rule, what: rules[rule] })),
  )
  test.each(cells)('[$rule] $name: $what', ({ name, rule }) => {
    expect(results.find((it) => it.scene === name && it.rule === rule)).toEqual({ scene: name, rule, faults: [] })
  })
})

async function listen(host: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).end()).listen(0, host)
  await once(server, 'listening')
  return server
}
