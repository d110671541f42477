import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Core } from '../../agent/core/core.ts'
import { type CoreDeps, createCore } from '../../agent/core/create-core.ts'
import type { Log } from '../../agent/core/log.ts'
import { type Host, HostError } from '../../agent/host/host.ts'
import type { ActionName } from '../../protocol/actions/index.ts'
import type { ActionId, DeviceId, MandateId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import { type Report, report as reportSchema } from '../../protocol/messages.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { type HandClock, handClock } from './hand-clock.ts'
import { idsFrom, type Signer, shareToDo, shareToUndo, signerOf, signOrders } from './orders.ts'
import { toyRegistry } from './toy-actions.ts'
import { hashOf, type Toy, toyHost, toyMachine, toyVault } from './toy-machine.ts'

/** Thrown where a test stops the world; stands for SIGKILL. */
export class Cut extends Error {
  override name = 'Cut'
}

/** Where the world is to be stopped: at the event of this number, counted from 1 over commits and effects alike. */
export interface CutPlan {
  readonly event: number
}

/** One device with its journal on disk, a clock that is moved by hand, and a control plane that is only a key. */
export interface Rig {
  readonly toy: Toy
  readonly clock: HandClock
  readonly signer: Signer
  readonly deviceId: DeviceId
  readonly journalPath: string
  /** Events so far: `before ended`, `after take /a` … */
  readonly events: string[]
  /** What was logged as a warning or an error. */
  readonly logged: { level: string; message: string }[]
  newId<T extends string>(): T
  host(): Host
  /** A new life of the agent over the same machine and journal; the one before is ended first. */
  start(deps?: Partial<CoreDeps>): Promise<Core>
  /** The machine lets the agent live again, after a cut; what is left of its last life ends. */
  bury(): Promise<void>
  stop(): Promise<void>
  /** Stops the world at an event of the future; null lets it run. */
  cutAt(plan: CutPlan | null): void
  isCut(): boolean
  /** The machine denies the effect of this number, counted from 1, once; null for none. */
  refuseAt(effect: number | null): void
  /** Whether it has. */
  hasRefused(): boolean
  /** What effects are told to; for a machine other than the toy. */
  onEffect(phase: 'before' | 'after', name: string): void
  doing(action: ActionName, params: unknown, how?: How): Order
  undoing(undoOf: ActionId, action: ActionName, how?: How & { onConflict?: 'ask' | 'beside' | 'replace' }): Order
  quarantine(path: string, how?: How & { content?: string }): Order
  /** Every report in the outbox, checked against the schema of the wire. */
  reports(core: Core): Report[]
  outcome(core: Core, actionId: ActionId): Outcome | undefined
  dispose(): Promise<void>
}

export interface How {
  readonly id?: ActionId
  readonly until?: number
  readonly notBefore?: number
  readonly expiresAt?: number
  readonly signer?: Signer
}

export const startOfTime = Date.UTC(2026, 10, 21)
const hourMs = 3_600_000

export function coreRig(seed = 'rig'): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-core-'))
  const clock = handClock(startOfTime)
  const toy = toyMachine()
  const ids = idsFrom(startOfTime, seed)
  const signer = signerOf('control plane')
  const deviceId = ids.next<DeviceId>()
  const journalPath = join(folder, 'journal.db')
  const events: string[] = []
  const logged: Rig['logged'] = []
  let core: Core | null = null
  let cut: CutPlan | null = null
  let seen = 0
  let dead = false

  const stopAt = (phase: 'before' | 'after', name: string) => {
    if (dead) throw new Cut('the agent is dead')
    events.push(`${phase} ${name}`)
    if (cut?.event !== ++seen) return
    dead = true
    throw new Cut(`${phase} ${name}`)
  }
  let refusal: { left: number } | null = null
  const onEffect = (phase: 'before' | 'after', name: string) => {
    if (phase === 'before' && refusal !== null && --refusal.left === 0) throw new HostError('io_failed', `no ${name}`)
    stopAt(phase, name)
  }
  toy.onEffect = onEffect
  const keep = (level: string) => (_: object, message: string) => void logged.push({ level, message })
  const log: Log = { debug: () => {}, info: () => {}, warn: keep('warn'), error: keep('error') }

  const decide = (kind: 'do' | 'undo', action: ActionName, how: How) => ({
    kind,
    action,
    mandateId: ids.next<MandateId>(),
    notBefore: how.notBefore ?? clock.nowMs(),
    expiresAt: how.expiresAt ?? clock.nowMs() + hourMs,
    until: how.until ?? null,
  })
  const first = (orders: Order[]) => {
    const [order] = orders
    if (order === undefined) throw new Error('no order was made')
    return order
  }
  const doing: Rig['doing'] = (action, params, how = {}) =>
    first(
      signOrders(how.signer ?? signer, decide('do', action, how), [
        shareToDo(how.id ?? ids.next(), deviceId, params),
        shareToDo(ids.next(), ids.next(), params),
      ]),
    )

  const rig: Rig = {
    toy,
    clock,
    signer,
    deviceId,
    journalPath,
    events,
    logged,
    newId: () => ids.next(),
    host: () => toyHost(toy, clock),
    async start(deps = {}) {
      await rig.stop()
      core = createCore({
        deviceId,
        host: toyHost(toy, clock),
        registry: toyRegistry(toy),
        vault: toyVault(),
        journalPath,
        keys: [{ keyId: signer.keyId, publicKey: signer.publicKey, recovery: false }],
        policyPath: null,
        bounds: () => ({ controlPlane: [{ address: '192.0.2.1', port: 443 }], canaries: [] }),
        log,
        clock,
        onCommit: stopAt,
        ...deps,
      })
      await core.start()
      return core
    },
    async bury() {
      await rig.stop()
      dead = false
      cut = null
      seen = 0
      events.length = 0
    },
    async stop() {
      const running = core
      core = null
      await running?.stop()
    },
    cutAt(plan) {
      cut = plan
      seen = 0
      events.length = 0
    },
    isCut: () => dead,
    refuseAt: (effect) => {
      refusal = effect === null ? null : { left: effect }
    },
    hasRefused: () => refusal !== null && refusal.left <= 0,
    onEffect,
    doing,
    undoing: (undoOf, action, how = {}) =>
      first(
        signOrders(how.signer ?? signer, decide('undo', action, how), [
          shareToUndo(how.id ?? ids.next(), deviceId, undoOf, how.onConflict),
        ]),
      ),
    quarantine: (path, how = {}) =>
      doing('quarantine-file', { path, sha256: hashOf(how.content ?? toy.files.get(path) ?? '') }, how),
    reports: (of) => of.outbox.after(0, 100_000).map(({ report }) => reportSchema.parse(report)),
    outcome: (of, actionId) =>
      rig
        .reports(of)
        .flatMap((report) => (report.kind === 'ended' && report.actionId === actionId ? [report.outcome] : []))
        .at(-1),
    async dispose() {
      cut = null
      await rig.stop().catch(() => null)
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return rig
}
