import type { InverseOf, ParamsOf } from '../../../protocol/action-spec.ts'
import type { Catalogue } from '../../../protocol/actions/index.ts'
import type { Endpoint } from '../../../protocol/actions/isolate-device.ts'
import type { ActionId } from '../../../protocol/ids.ts'
import type { Evidence } from '../../../protocol/outcome.ts'
import type { Bench, ImplementationOf } from '../../core/action.ts'
import type { Host } from '../../host/host.ts'
import { modelHost } from '../../host/model/host.ts'
import { type ModelMachine, type ModelOptions, modelMachine } from '../../host/model/machine.ts'
import type { Vault } from '../../vault/vault.ts'
import { isolateDevice } from './index.ts'

// The model machine as the tests of this action need it.

export type Inverse = InverseOf<Catalogue['isolate-device']>
type Params = ParamsOf<Catalogue['isolate-device']>

const implementation = (): ImplementationOf<'isolate-device'> => {
  const { linux } = isolateDevice
  if ('unsupported' in linux) throw new Error('isolate-device is for Linux')
  return linux
}
export const action = implementation()

export const control: Endpoint = { address: '198.51.100.1', port: 8443 }
export const control6: Endpoint = { address: '2001:db8:c::1', port: 8443 }
export const canary: Endpoint = { address: '203.0.113.53', port: 443 }
export const evil: Endpoint = { address: '203.0.113.66', port: 4444 }
export const params: Params = { scope: 'full' }

const noVault = (): never => {
  throw new Error('an isolation has nothing to do with the vault')
}
const vault = new Proxy({} as Vault, { get: () => noVault })

/** A device with somebody else's rules, a connection to its control plane, and one to somebody it should not talk to. */
export const world = (options: Partial<ModelOptions> = {}) => {
  const machine = modelMachine({ platform: 'linux', seed: 7, ...options })
  machine.writeFile('/usr/bin/thing', 'x')
  const pid = machine.spawnProcess({ image: '/usr/bin/thing' })
  for (const end of [control, canary, evil]) machine.peer(end)
  machine.connect(pid, control)
  machine.connect(pid, evil)
  machine.setTable('filter', 'what the administrator wants', { lasting: true })
  return { machine, pid }
}

export const benchOn = (
  machine: ModelMachine,
  { bounds = {}, host = modelHost(machine) }: { bounds?: Partial<Bench['bounds']>; host?: Host } = {},
): Bench => ({
  actionId: '01890a5d-ac96-774b-bcce-b302099a8057' as ActionId,
  host,
  vault,
  bounds: { controlPlane: [control, control6], canaries: [canary], ...bounds },
  nowMs: () => machine.nowMs,
  quarantined: noVault,
  handOver: noVault,
  displace: noVault,
})

export const prepared = async (bench: Bench): Promise<Inverse> => {
  const answer = await action.prepare(bench, params)
  if (answer.kind !== 'ready') throw new Error(`not ready: ${JSON.stringify(answer)}`)
  return answer.inverse
}

export const isolated = async (bench: Bench): Promise<Inverse> => {
  const inverse = await prepared(bench)
  await action.apply(bench, params, inverse)
  return inverse
}

export const shown = (evidence: Evidence[]) =>
  Object.fromEntries(evidence.map(({ subject, holds }) => [subject, holds]))
export const allHold = { firewall: true, 'control-plane': true, canary: true, restart: true }

/** Everything of the machine but the connections, which nobody can give back. */
export const stateOf = (machine: ModelMachine) => ({ ...machine.snapshot(), connections: null })
