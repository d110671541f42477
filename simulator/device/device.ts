import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { factsOf } from '../../agent/facts.ts'
import { modelHost } from '../../agent/host/model/host.ts'
import { seeded } from '../../agent/host/model/seed.ts'
import { readIdentity } from '../../agent/link/identity.ts'
import { type Link, type LinkLimits, startLink } from '../../agent/link/link.ts'
import { filePath } from '../../protocol/file-path.ts'
import { sha256 } from '../../protocol/file-record.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { DeviceFacts, InForceEntry } from '../../protocol/messages.ts'
import type { Door } from '../network/relay.ts'
import { type Birth, birthOf, bornAgain, changedSince } from './birth.ts'
import { enrolled, through } from './enrolled.ts'
import type { Failures } from './failing.ts'
import { type Arrival, hearing } from './hearing.ts'
import { keepMachine, readSwitchedOff } from './kept.ts'
import { journalIn, type Life, startLife } from './life.ts'
import type { Profile } from './profile.ts'
import { type Scene, sceneOf, type TargetName } from './scenery.ts'
import { type TargetSeen, type Witness, witnessOf } from './witness.ts'

/** What is really so on a device, read off its machine and its agent; nothing of it went over the wire. */
export interface Truth {
  readonly device: DeviceId
  readonly index: number
  readonly connected: boolean
  /** What it does instead of being connected, in words; null when it is. */
  readonly away: string | null
  readonly targets: readonly TargetSeen[]
  readonly touched: readonly { readonly id: ActionId; readonly applied: number; readonly reverted: number }[]
  readonly inForce: readonly InForceEntry[]
  /** Reports that the control plane has not stored yet. */
  readonly waitingReports: number
  /** What differs from the birth of the machine, as far as it was asked for. */
  readonly changed: readonly string[] | null
  readonly lives: number
  /** Effects that the machine denied the agent. */
  readonly denied: number
  readonly faults: readonly string[]
}

export interface DeviceDeps {
  readonly run: number
  readonly profile: Profile
  /** Its state lies here. */
  readonly folder: string
  /** Whether what lies there stays when the device stops, to be taken up by the next one; otherwise it is removed. */
  readonly kept: boolean
  readonly journal: 'file' | 'memory'
  /** A journal in which nothing stands yet, to begin with a copy of it; null to let the agent make its own. */
  readonly blankJournal: string | null
  /** Its way to the gateway; null to go there straight. */
  readonly door: { readonly door: Door; readonly port: number } | null
  readonly enrolAt: { readonly host: string; readonly port: number }
  readonly token: string
  readonly limits: Partial<LinkLimits>
  arrived(arrival: Arrival): void
}

/** A simulated device: one machine, and the lives of the agent on it. */
export interface Device {
  readonly profile: Profile
  readonly id: DeviceId
  readonly scene: Scene
  connected(): boolean
  /** Lives of the agent so far. */
  lives(): number
  /** The agent starts, and holds its link from now on. */
  start(): Promise<void>
  /** `kill -9` of the agent. */
  kill(): Promise<void>
  /** The agent is killed at the n-th commit or effect from now; it starts again after the pause. */
  killAt(event: number, pauseMs: number): void
  /** It is not killed after all, if that was still ahead of it. */
  spare(): void
  /** The machine sleeps: nothing comes from it any more, and nobody is told. */
  sleep(): Promise<void>
  wake(): void
  /** Tries the control plane now. */
  hurry(): void
  /** Somebody sets its clock. */
  setClock(ms: number): void
  /** From now on its machine lets actions fail so often. */
  setFailures(failures: Failures): void
  /** The power goes, and comes back: the machine and its agent start again. */
  restart(): Promise<void>
  /** Somebody puts another file where this one was, or takes it away again. */
  intrude(target: TargetName, there: boolean): void
  /** The agent finds something on its machine and tells of it, if it runs. */
  find(finding: WhatIsFound): void
  truth(how: { readonly changes: boolean }): Truth
  settled(): Promise<void>
  stop(): Promise<void>
  readonly door: Door | null
}

/** What an agent says that it has found; the target is a file. */
export interface WhatIsFound {
  readonly key: string
  readonly target: TargetName
  readonly title: string
  readonly verdict: 'malicious' | 'suspicious'
  readonly reasons: readonly string[]
}

const fileRef = z.object({ path: filePath, sha256 })
const faultsKept = 5

/** Makes the machine and enrols it; the agent has not started yet. */
export async function createDevice(deps: DeviceDeps): Promise<Device> {
  const { profile, folder, door } = deps
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (deps.blankJournal !== null) copyFileSync(deps.blankJournal, journalIn(folder))
  const off = deps.kept ? readSwitchedOff(folder) : null
  const scene = sceneOf(deps.run, profile, () => Date.now() + profile.skewMs, off)
  const kept = deps.kept ? keepMachine(folder, scene, (off?.boots ?? 0) + 1) : null
  let birth: Birth = birthOf(scene)
  const witness: Witness = witnessOf(scene)
  const random = seeded(profile.seed ^ 0x1b873593)
  const draw = () => random.below(1_000_000) / 1_000_000
  const identity = through(door, (deps.kept ? readIdentity(folder) : null) ?? (await enrolled(deps, scene)))
  const faults: string[] = []
  let life: Life | null = null
  let link: Link | null = null
  let lives = 0
  let denied = 0
  let failures = profile.failures
  let plan: { left: number; readonly pauseMs: number } | null = null
  let stopped = false
  let busy: Promise<void> = Promise.resolve()

  /** One after the other: a start may meet a kill. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    busy = busy.then(work, work)
    return busy
  }
  const fault = (what: string) => {
    if (faults.length < faultsKept) faults.push(what)
  }
  /** For what nobody waits for: its failure is a fault of this device, and no end of the whole fleet. */
  const later = (work: () => Promise<void>): void => {
    inTurn(work).catch((failure: unknown) => fault(failure instanceof Error ? String(failure.stack) : String(failure)))
  }
  const begin = async () => {
    if (life !== null || stopped) return
    lives++
    life = await startLife({
      scene,
      profile,
      identity,
      folder: deps.journal === 'file' ? folder : null,
      witness,
      random: draw,
      failures: () => failures,
      dies: () => plan !== null && --plan.left <= 0,
      denied: () => void denied++,
      changed: () => kept?.changed(),
      committing: () => kept?.keep(),
      died: () => later(resurrect),
      fault,
    })
    if (life.isDead()) return
    hold(life)
  }
  const hold = (living: Life) => {
    // Asked of the bare machine: a link that outlives its agent by a moment still says who it is.
    const facts = (): DeviceFacts => ({
      ...factsOf(modelHost(scene.machine), living.capabilities),
      hostName: profile.hostName,
      osName: profile.osName,
      osVersion: profile.osVersion,
      agentVersion: profile.agentVersion,
      simulated: true,
    })
    link = startLink({
      folder,
      identity,
      core: hearing(living, deps, draw, () => stopped || life !== living),
      places: {
        address: async () => {
          await door?.door.unlock()
          return door === null ? identity.gateway.host : profile.address
        },
        proven: () => door?.door.letNext(),
        bounds: () => ({ controlPlane: [], canaries: [] }),
      },
      log: {
        debug() {},
        info() {},
        warn() {},
        error: (_, message) => {
          if (!living.isDead()) fault(message)
        },
      },
      facts,
      nowMs: () => scene.machine.nowMs,
      monotonicMs: () => performance.now(),
      random: draw,
      limits: deps.limits,
    })
  }
  const letGo = async () => {
    const held = link
    link = null
    door?.door.letNext()
    await held?.stop()
  }
  const die = async () => {
    const dying = life
    life = null
    plan = null
    door?.door.cut()
    // It is dead before its link is let go, so that nothing is said in farewell.
    await Promise.all([dying?.kill(), letGo()])
  }
  const resurrect = async () => {
    const pauseMs = plan?.pauseMs ?? 0
    await die()
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    await begin()
  }

  const isConnected = () => link?.state().link === 'connected'
  const away = (): string => {
    if (life === null) return 'its agent does not run'
    if (life.isDead()) return 'its agent is dead and about to start again'
    if (link === null) return 'it sleeps'
    const { link: now, since, trouble } = link.state()
    const seconds = Math.round((scene.machine.nowMs - since) / 1_000)
    const why = trouble === null ? '' : ` after "${trouble.detail}"`
    return `its link is ${now} for ${seconds} s${why}${door === null ? '' : `; ${door.door.words()}`}`
  }

  return {
    profile,
    id: identity.deviceId,
    scene,
    door: door?.door ?? null,
    connected: isConnected,
    lives: () => lives,
    start: () => inTurn(begin),
    kill: () => inTurn(die),
    killAt(event, pauseMs) {
      plan = { left: event, pauseMs }
    },
    spare() {
      plan = null
    },
    sleep: () =>
      inTurn(async () => {
        door?.door.freeze()
        await letGo()
      }),
    wake() {
      later(async () => {
        if (life !== null && link === null && !stopped) hold(life)
      })
    },
    hurry: () => link?.hurry(),
    setClock: (ms) => scene.machine.jumpWallClock(ms),
    setFailures(next) {
      failures = next
    },
    restart: () =>
      inTurn(async () => {
        await die()
        witness.look()
        scene.restart()
        witness.restarted()
        birth = bornAgain(birth, scene)
        await begin()
      }),
    intrude(target, there) {
      const { path } = fileRef.parse(scene.targets.find(({ name }) => name === target)?.params)
      if (there && !scene.machine.exists(path)) scene.machine.writeFile(path, `what somebody else put here`)
      if (!there && scene.machine.exists(path)) scene.machine.remove(path)
    },
    find({ key, target, title, verdict, reasons }) {
      const params = scene.targets.find(({ name }) => name === target)?.params
      if (life === null || life.isDead() || params === undefined) return
      const { path, sha256 } = fileRef.parse(params)
      if (!scene.machine.exists(path)) return
      const evidence = [{ kind: 'file' as const, path, sha256, sizeBytes: scene.machine.readFile(path).length }]
      const at = scene.machine.nowMs
      life.core.found({ kind: 'alert', alertKey: key, title, verdict, evidence, reasons: [...reasons], at })
    },
    truth({ changes }) {
      witness.look()
      return {
        device: identity.deviceId,
        index: profile.index,
        connected: isConnected(),
        away: isConnected() ? null : away(),
        targets: witness.targets(),
        touched: witness.touched(),
        inForce: life?.core.inForce() ?? [],
        waitingReports: life?.core.outbox.after(0, 1_000).length ?? 0,
        changed: changes ? changedSince(birth, scene) : null,
        lives,
        denied,
        faults: [...faults],
      }
    },
    settled: async () => life?.core.settled(),
    stop: () =>
      inTurn(async () => {
        stopped = true
        await letGo()
        const last = life
        life = null
        await last?.stop()
        door?.door.close()
        if (kept === null) rmSync(folder, { recursive: true, force: true })
        else kept.keep()
      }),
  }
}

export const stateFolderOf = (run: string, index: number): string => join(run, String(index))
