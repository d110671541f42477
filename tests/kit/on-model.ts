import { registry } from '../../agent/actions/index.ts'
import type { CoreDeps } from '../../agent/core/create-core.ts'
import { withFaults } from '../../agent/host/faults.ts'
import { modelHost } from '../../agent/host/model/host.ts'
import { type ModelMachine, modelMachine } from '../../agent/host/model/machine.ts'
import { openVault } from '../../agent/vault/open-vault.ts'
import type { Vault } from '../../agent/vault/vault.ts'
import { filePath } from '../../protocol/file-path.ts'
import type { Rig } from './core-rig.ts'

export const control = { address: '198.51.100.1', port: 8443 }
export const canary = { address: '203.0.113.53', port: 443 }
const stateFolder = '/var/lib/recourse'

/** A model machine in the time of the rig, with a control plane and somebody else's rules. */
export function machineFor(rig: Rig): ModelMachine {
  const machine = modelMachine({ platform: 'linux', seed: 11, now: () => rig.clock.nowMs() })
  machine.mkdir(stateFolder)
  for (const end of [control, canary]) machine.peer(end)
  machine.setTable('filter', 'what the administrator wants', { lasting: true })
  return machine
}

/** The agent as it is, on the model machine, for one life. */
export async function depsOn(machine: ModelMachine, rig: Rig): Promise<Partial<CoreDeps> & { vault: Vault }> {
  const host = withFaults(modelHost(machine), (phase, effect) => rig.onEffect(phase, effect))
  let nonce = 0
  const random = (length: number) => Uint8Array.from({ length }, () => nonce++ % 251)
  const vault = await openVault({ host, folder: filePath.parse(`${stateFolder}/vault`), random })
  return { host, vault, registry, bounds: () => ({ controlPlane: [control], canaries: [canary] }) }
}

/** Everything of the machine but what is the agent's own. */
export const lookOf = (machine: ModelMachine): string => JSON.stringify(machine.snapshot({ without: [stateFolder] }))

/** The same without connections, which nobody can give back. */
export const lookRestoredOf = (machine: ModelMachine): string =>
  JSON.stringify({ ...machine.snapshot({ without: [stateFolder] }), connections: null })
