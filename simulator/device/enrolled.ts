import { findCapabilities } from '../../agent/facts.ts'
import { modelHost } from '../../agent/host/model/host.ts'
import { enrol } from '../../agent/link/enrol.ts'
import type { Identity } from '../../agent/link/identity.ts'
import type { DeviceFacts } from '../../protocol/messages.ts'
import type { DeviceDeps } from './device.ts'
import { registryOf } from './life.ts'
import type { Profile } from './profile.ts'
import type { Scene } from './scenery.ts'

/** The identity with the door in front of the gateway. Names stay as they are, so that certificates mean what they mean. */
export const through = (door: DeviceDeps['door'], identity: Identity): Identity =>
  door === null ? identity : { ...identity, gateway: { ...identity.gateway, port: door.port } }

const enrolTries = 8

/** A crowd at the door is told to wait; so it waits. */
export async function enrolled({ folder, enrolAt, token, profile }: DeviceDeps, scene: Scene): Promise<Identity> {
  const capabilities = await findCapabilities(modelHost(scene.machine), registryOf(profile))
  const facts = { ...bareFacts(profile, scene), capabilities }
  for (let attempt = 1; ; attempt++) {
    try {
      const { identity } = await enrol({ folder, ...enrolAt, token, facts })
      return identity
    } catch (failure) {
      if (attempt === enrolTries) throw failure
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt))
    }
  }
}

/** What is known of a machine without looking at what it can do. */
export const bareFacts = (profile: Profile, { machine }: Pick<Scene, 'machine'>): DeviceFacts => ({
  platform: profile.platform,
  osName: profile.osName,
  osVersion: profile.osVersion,
  hostName: profile.hostName,
  architecture: 'x64',
  agentVersion: profile.agentVersion,
  bootId: machine.bootId,
  simulated: true,
  addresses: [],
  capabilities: [],
})
