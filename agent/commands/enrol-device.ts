import { join } from 'node:path'
import { registry } from '../actions/index.ts'
import type { Command } from '../cli.ts'
import { factsOf, findCapabilities } from '../facts.ts'
import { enrol } from '../link/enrol.ts'
import { readIdentity } from '../link/identity.ts'
import { openPlaces } from '../link/places.ts'
import { lockState, openStateFolder } from '../state-folder.ts'
import { thisHost } from '../this-host.ts'

/** `enrol --server HOST:PORT --token T [--replace]` */
export const enrolDevice: Command<'enrol'> = async ({ state: path, policy, server, token, replace }, io) => {
  const state = openStateFolder(path)
  using _lock = lockState(state)
  const before = readIdentity(path)
  if (before !== null && !replace) {
    io.tell(`this device is enrolled already, as ${before.deviceId}; --replace enrols it anew`)
    return 'refused'
  }
  const host = await thisHost({ state: path, vault: join(path, 'vault'), policy })
  const facts = factsOf(host, await findCapabilities(host, registry))
  const { identity, address } = await enrol({ folder: path, ...server, token, facts })
  // The control plane has proven itself there; where the gateway has the same name, it is there too.
  if (identity.gateway.host === server.host) openPlaces(path, identity).proven(address)
  io.say({ deviceId: identity.deviceId, gateway: identity.gateway }, [
    `enrolled as ${identity.deviceId}`,
    `start the agent with: recourse-agent run --state ${path}`,
  ])
  return 'done'
}
