import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { registry } from '../../agent/actions/index.ts'
import { type Registry, unsupported } from '../../agent/core/action.ts'
import { systemClock } from '../../agent/core/clock.ts'
import type { Core } from '../../agent/core/core.ts'
import { createCore } from '../../agent/core/create-core.ts'
import type { Log } from '../../agent/core/log.ts'
import { findCapabilities } from '../../agent/facts.ts'
import { withFaults } from '../../agent/host/faults.ts'
import { modelHost } from '../../agent/host/model/host.ts'
import type { Identity } from '../../agent/link/identity.ts'
import { openVault } from '../../agent/vault/open-vault.ts'
import type { Capability } from '../../protocol/messages.ts'
import { type Failures, failing } from './failing.ts'
import type { Profile } from './profile.ts'
import { canaryAt, controlPlaneAt, type Scene } from './scenery.ts'
import { atSpeed } from './speed.ts'
import type { Witness } from './witness.ts'

/** Thrown inside of an agent that has been killed: nothing it still tries has an effect. */
class Killed extends Error {
  override name = 'Killed'
}

/**
 * One life of an agent, from its start to its end: the real core, vault and actions, over the machine and journal of its device.
 *
 * INVARIANTS
 * - Once it is dead it changes nothing any more, neither on the machine nor in its journal: that is what `kill -9` means (JRN2).
 */
export interface Life {
  readonly core: Core
  readonly capabilities: readonly Capability[]
  isDead(): boolean
  /** Kills it now; the next life may begin when this resolves. */
  kill(): Promise<void>
  /** Ends it in order. */
  stop(): Promise<void>
}

export interface LifeDeps {
  readonly scene: Scene
  readonly profile: Profile
  readonly identity: Pick<Identity, 'deviceId' | 'mandateKeys'>
  /** Of the state on the disk of this machine, or null to keep the journal in memory, for one life. */
  readonly folder: string | null
  readonly witness: Witness
  /** From 0 up to 1. */
  random(): number
  /** What the machine lets fail now, and how often. */
  failures(): Failures
  /** Asked at each commit and each effect: whether the agent dies right there. */
  dies(): boolean
  /** It died of {@link dies}. */
  died(): void
  /** The machine denied an effect. */
  denied(): void
  /** An effect has changed the machine. */
  changed(): void
  /** The journal is about to write something down. */
  committing(): void
  /** The agent logged a fault of its own. */
  fault(what: string): void
}

export const journalIn = (folder: string): string => join(folder, 'journal.db')

const older = unsupported('This agent is older than the action.')

/** What an agent of this age can do. */
export const registryOf = ({ old }: Profile): Registry =>
  old ? { ...registry, 'isolate-device': { linux: older, windows: older } } : registry

export async function startLife(deps: LifeDeps): Promise<Life> {
  const { scene, profile, identity, folder, witness } = deps
  const { machine } = scene
  let dead = false
  let armed = false

  const stopAt = () => {
    if (dead) throw new Killed('the agent is dead')
    if (!armed || !deps.dies()) return
    dead = true
    setImmediate(() => deps.died())
    throw new Killed('killed')
  }
  const machineFails = failing({ random: deps.random, failures: deps.failures, denied: deps.denied })
  const host = withFaults(modelHost(machine), (phase, effect) => {
    if (phase === 'after') {
      witness.look()
      deps.changed()
    }
    stopAt()
    if (phase === 'before') machineFails.effect(effect)
  })
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error(fields, message) {
      if (!dead) deps.fault(`${message}: ${'err' in fields ? String(fields.err) : JSON.stringify(fields)}`)
    },
  }
  const vaultFolder = machine.disk.path(
    profile.platform === 'windows' ? `${scene.stateFolder}\\vault` : `${scene.stateFolder}/vault`,
  )
  const vault = await openVault({ host, folder: vaultFolder, random: (length) => randomBytes(length) })
  const used = witness.noting(atSpeed(profile.slowMs, machineFails.drawing(registryOf(profile)), pause))
  const core = createCore({
    deviceId: identity.deviceId,
    host,
    registry: used,
    vault,
    journalPath: folder === null ? ':memory:' : journalIn(folder),
    keys: identity.mandateKeys.map(({ keyId, publicKeyHex, recovery }) => ({
      keyId,
      publicKey: new Uint8Array(Buffer.from(publicKeyHex, 'hex')),
      recovery,
    })),
    policyPath: null,
    bounds: () => ({ controlPlane: [controlPlaneAt], canaries: [canaryAt] }),
    log,
    clock: { nowMs: () => machine.nowMs, after: systemClock.after },
    onCommit: (phase) => {
      stopAt()
      if (phase === 'before') deps.committing()
    },
  })
  const end = async () => {
    await core.stop()
    vault.close()
  }
  armed = true
  let capabilities: readonly Capability[] = []
  try {
    await core.start()
    // What the core has begun in the background goes on meanwhile, and may be what it dies of.
    capabilities = await findCapabilities(host, used)
  } catch (failure) {
    if (!(failure instanceof Killed)) throw failure
  }
  return {
    core,
    capabilities,
    isDead: () => dead,
    async kill() {
      dead = true
      await end().catch(onlyKilled)
    },
    // It may still die of what it does last.
    stop: () => end().catch(onlyKilled),
  }
}

function onlyKilled(failure: unknown): void {
  if (!(failure instanceof Killed)) throw failure
}
