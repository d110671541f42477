import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Capability } from '../protocol/messages.ts'
import { registry } from './actions/index.ts'
import type { Settings } from './cli.ts'
import { type ControlStatus, startControl } from './control.ts'
import type { Core } from './core/core.ts'
import { createCore } from './core/create-core.ts'
import type { Log } from './core/log.ts'
import { factsOf, findCapabilities } from './facts.ts'
import type { Host } from './host/host.ts'
import type { Identity } from './link/identity.ts'
import { startLink } from './link/link.ts'
import { openPlaces, type Places } from './link/places.ts'
import { lockState, type StateFolder } from './state-folder.ts'
import { asFilePath, thisHost } from './this-host.ts'
import type { Vault } from './vault/vault.ts'
import { agentVersion } from './version.ts'

export interface AgentOptions {
  readonly state: StateFolder
  /** Absolute path of the local policy. */
  readonly policy: string
  readonly identity: Identity
  readonly log: Log
}

/** The agent without its link: what `run` starts, and what a command uses when no agent runs. */
export interface Parts {
  readonly host: Host
  readonly vault: Vault
  readonly core: Core
  readonly places: Places
  /** What can be done here, as found out while the rest began. */
  readonly capabilities: Capability[]
  /** Ends it; what is in force stays in force. */
  close(): Promise<void>
}

/** In the state folder. */
export const journalFile = 'journal.db'

/** The machine and the vault in the state folder. The caller holds the folder's lock. */
export async function openVaultOf({ state, policy }: Settings): Promise<Pick<Parts, 'host' | 'vault'>> {
  const vaultFolder = join(state, 'vault')
  const host = await thisHost({ state, vault: vaultFolder, policy })
  const { openVault } = await import('./vault/open-vault.ts')
  return { host, vault: await openVault({ host, folder: asFilePath(vaultFolder), random: randomBytes }) }
}

/** Takes the state folder and joins host, vault and core; recovery has run when it resolves. RecourseError `store_locked`. */
export async function openParts({ state, policy, identity, log }: AgentOptions): Promise<Parts> {
  const lock = lockState(state)
  try {
    const { host, vault } = await openVaultOf({ state: state.path, policy })
    // Asks another program, which takes its time; there is enough to do meanwhile.
    const finding = findCapabilities(host, registry)
    finding.catch(() => undefined)
    const places = openPlaces(state.path, identity)
    const core = createCore({
      deviceId: identity.deviceId,
      host,
      registry,
      vault,
      journalPath: join(state.path, journalFile),
      keys: identity.mandateKeys.map(({ keyId, publicKeyHex, recovery }) => ({
        keyId,
        publicKey: new Uint8Array(Buffer.from(publicKeyHex, 'hex')),
        recovery,
      })),
      policyPath: policy,
      bounds: () => places.bounds(),
      log,
    })
    await core.start()
    const capabilities = await finding
    return {
      host,
      vault,
      core,
      places,
      capabilities,
      async close() {
        await core.stop()
        vault.close()
        lock[Symbol.dispose]()
      },
    }
  } catch (failure) {
    lock[Symbol.dispose]()
    throw failure
  }
}

export interface Agent {
  stop(): Promise<void>
}

/** Starts the agent: recovers, listens for local commands, holds the link. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { state, identity, log } = options
  if (state.exposed !== null) log.warn({ exposed: state.exposed }, 'the state folder is not safe where it is')
  const parts = await openParts(options)
  const { core, host, vault, places } = parts
  let { capabilities } = parts
  for (const { action, support, reason } of capabilities)
    if (reason !== '') log.info({ action, support, reason }, 'limits of what this agent can do')

  const link = startLink({
    folder: state.path,
    identity,
    core,
    places,
    log,
    facts: () => factsOf(host, capabilities),
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    random: Math.random,
  })
  const status = (): ControlStatus => {
    const { certificateExpiresAt, ...state } = link.state()
    return {
      deviceId: identity.deviceId,
      version: agentVersion,
      gateway: `${identity.gateway.host}:${identity.gateway.port}`,
      ...state,
      certificateExpiresAt,
      inForce: core.inForce().length,
      capabilities,
    }
  }
  const control = await startControl(join(state.path, 'control.sock'), { core, vault, status, log })
  // Tools are installed and taken away while the agent runs.
  const asking = setInterval(() => {
    findCapabilities(host, registry).then(
      (found) => {
        capabilities = found
      },
      (failure: unknown) => log.warn({ err: failure }, 'what this agent can do could not be found out anew'),
    )
  }, 3_600_000)
  log.info({ device: identity.deviceId, version: agentVersion }, 'the agent runs')
  return {
    async stop() {
      clearInterval(asking)
      await control.close()
      await link.stop()
      await parts.close()
      log.info({}, 'the agent has ended')
    },
  }
}
