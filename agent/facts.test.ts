import { expect, test } from 'vitest'
import { actionNames } from '../protocol/actions/index.ts'
import { deviceFacts } from '../protocol/messages.ts'
import { registry } from './actions/index.ts'
import { factsOf, findCapabilities } from './facts.ts'
import { modelHost } from './host/model/host.ts'
import { modelMachine } from './host/model/machine.ts'

const capabilitiesOf = (options: Partial<Parameters<typeof modelMachine>[0]>) =>
  findCapabilities(modelHost(modelMachine({ platform: 'linux', seed: 1, ...options })), registry)

test('the facts fit the protocol, and name each action once', async () => {
  const host = modelHost(modelMachine({ platform: 'linux', seed: 1 }))
  const facts = factsOf(host, await findCapabilities(host, registry))
  expect(deviceFacts.parse(facts)).toEqual(facts)
  expect(facts.capabilities.map(({ action }) => action)).toEqual([...actionNames])
  expect(facts.capabilities.filter(({ support }) => support !== 'supported')).toEqual([])
})

test('an agent without the rights of the system says what it cannot do, and why', async () => {
  const capabilities = await capabilitiesOf({ privileged: false })
  const isolation = capabilities.find(({ action }) => action === 'isolate-device')
  expect(isolation).toMatchObject({ support: 'unsupported' })
  for (const { reason } of capabilities) expect(reason).not.toBe('')
})

test('without a firewall there is no isolation; everything else goes on', async () => {
  const capabilities = await capabilitiesOf({ hasFirewall: false })
  expect(capabilities.find(({ action }) => action === 'isolate-device')?.support).toBe('unsupported')
  expect(capabilities.find(({ action }) => action === 'quarantine-file')?.support).toBe('supported')
})

test('what a platform does not have is said in the words of the action', async () => {
  for (const { action, support, reason } of await capabilitiesOf({ platform: 'windows' })) {
    const there = registry[action].windows
    if (!('unsupported' in there)) continue
    expect([support, reason]).toEqual(['unsupported', there.unsupported])
  }
})
