import { type ActionName, actionNames } from '../protocol/actions/index.ts'
import type { Capability, DeviceFacts } from '../protocol/messages.ts'
import type { Registry } from './core/action.ts'
import type { Host } from './host/host.ts'
import { agentVersion } from './version.ts'

/**
 * What this agent can do here and now: what the registry has for the platform, less what this machine or the rights of the agent do not
 * allow. Asks the machine, and takes some tens of milliseconds for that.
 */
export async function findCapabilities(host: Host, registry: Registry): Promise<Capability[]> {
  const firewall = await host.firewall.unable()
  return actionNames.map((action) => capabilityOf(action, host, registry, firewall?.detail ?? null))
}

function capabilityOf(action: ActionName, host: Host, registry: Registry, firewall: string | null): Capability {
  const implementation = registry[action][host.platform]
  if ('unsupported' in implementation) return { action, support: 'unsupported', reason: implementation.unsupported }
  if (action === 'isolate-device' && firewall !== null) return { action, support: 'unsupported', reason: firewall }
  if (!host.machine.privileged())
    return { action, support: 'supported', reason: 'only what belongs to its own user: the agent does not run as root' }
  return { action, support: 'supported', reason: '' }
}

export const factsOf = (host: Host, capabilities: readonly Capability[]): DeviceFacts => {
  const { osName, osVersion, hostName, architecture, addresses } = host.machine.facts()
  return {
    platform: host.platform,
    osName: osName.slice(0, 256),
    osVersion: osVersion.slice(0, 256),
    hostName: hostName.slice(0, 255),
    architecture,
    agentVersion,
    bootId: host.machine.bootId(),
    simulated: false,
    addresses: addresses.slice(0, 256),
    capabilities: [...capabilities],
  }
}
