import type { ActionSpec } from '../../protocol/action-spec.ts'
import { type ActionName, catalogue, isActionName, specOf } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Evidence, Gap } from '../../protocol/outcome.ts'
import type { Host } from '../host/host.ts'
import type { FileRecord, Vault } from '../vault/vault.ts'
import type { Applied, Bench, Bounds, Comparison, Prepared, Registry, RevertWay } from './action.ts'
import type { Clock } from './clock.ts'
import type { Handing } from './handing.ts'
import type { Holds } from './holds.ts'
import type { Journal } from './journal.ts'
import type { ActionRecord } from './journal-records.ts'
import type { Log } from './log.ts'
import type { Policy } from './policy.ts'
import { whyNothing } from './words.ts'

/** What the parts of the core share. Made once by create-core.ts. */
export interface Parts {
  readonly deviceId: DeviceId
  readonly journal: Journal
  readonly host: Host
  readonly registry: Registry
  readonly vault: Vault
  readonly policy: Policy
  readonly clock: Clock
  readonly log: Log
  readonly bounds: () => Bounds
  readonly holds: Holds
  readonly handing: Handing
  /** Largest difference allowed between the clocks of device and control plane, milliseconds. */
  readonly skewMs: number
  /** How long record and bytes outlive an undo, milliseconds of running time (UND4). */
  readonly graceMs: number
  /** Looks anew at what is due when: limits, grace periods, what could not be written. */
  rearm(): void
  /** Seals in the background what the vault holds plain. */
  seal(): void
}

/** An implementation with the types of its action forgotten; what it is given was checked against its spec. */
export interface AnyImplementation {
  prepare(bench: Bench, params: unknown): Promise<Prepared<unknown>>
  apply(bench: Bench, params: unknown, inverse: unknown): Promise<Applied>
  verify(bench: Bench, params: unknown, inverse: unknown): Promise<Evidence[]>
  purges?(params: unknown): readonly ActionId[]
  readonly readsOnly?: true
}

export interface AnyReversible extends AnyImplementation {
  compare(bench: Bench, inverse: unknown): Promise<Comparison>
  revert(bench: Bench, inverse: unknown, way: RevertWay): Promise<Applied>
  verifyReverted(bench: Bench, inverse: unknown, gaps?: readonly Gap[]): Promise<Evidence[]>
  putsBack?(inverse: unknown): readonly string[]
  release?(bench: Bench, inverse: unknown): Promise<void>
  endedWithBoot?(bench: Bench, inverse: unknown): boolean
  hold?(bench: Bench, inverse: unknown, tampered: (evidence: Evidence[]) => void): Disposable
}

export const isReversible = (implementation: AnyImplementation): implementation is AnyReversible =>
  'revert' in implementation

/** Spec and implementation by the name that a journal or an order gives. RecourseError `action_unknown`, `action_unsupported`. */
export function findAction(
  { registry, host }: Pick<Parts, 'registry' | 'host'>,
  name: string,
): { name: ActionName; spec: ActionSpec; implementation: AnyImplementation } {
  if (!isActionName(name)) throw new RecourseError('action_unknown', `no action ${name} in this agent`)
  const entry = registry[name][host.platform]
  if ('unsupported' in entry) throw new RecourseError('action_unsupported', entry.unsupported)
  return { name, spec: specOf(name), implementation: entry }
}

/** An action with its record, ready to be done again or taken back. */
export interface Subject {
  readonly actionId: ActionId
  readonly spec: ActionSpec
  readonly implementation: AnyImplementation
  readonly record: ActionRecord
  readonly params: unknown
  /** Null for an action that cannot be taken back. */
  readonly inverse: unknown
}

export interface ReversibleSubject extends Subject {
  readonly implementation: AnyReversible
}

/** Null when there is no record. RecourseError `record_damaged` when it is not what its action wrote. */
export function findSubject(parts: Parts, actionId: ActionId): Subject | null {
  const record = parts.journal.records.find(actionId)
  if (record === null) return null
  const { spec, implementation } = findAction(parts, record.action)
  const params = spec.params.safeParse(record.params)
  const inverse = 'inverse' in spec.undo ? spec.undo.inverse.safeParse(record.inverse) : { success: true, data: null }
  if (!params.success || !inverse.success)
    throw new RecourseError('record_damaged', `the record of ${record.action} does not fit its schema`)
  return { actionId, spec, implementation, record, params: params.data, inverse: inverse.data }
}

export const isReversibleSubject = (subject: Subject): subject is ReversibleSubject =>
  isReversible(subject.implementation)

export function benchOf(parts: Parts, actionId: ActionId, displace?: Bench['displace']): Bench {
  return {
    actionId,
    host: parts.host,
    vault: parts.vault,
    bounds: parts.bounds(),
    nowMs: () => parts.clock.nowMs(),
    quarantined: (action) => quarantineOf(parts, action),
    handOver: (record) =>
      parts.handing.handOver({
        actionId,
        sizeBytes: record.sizeBytes,
        read: (offset, length) => parts.vault.read(record, offset, length),
      }),
    displace: displace ?? nothingToDisplace,
  }
}

function quarantineOf(parts: Parts, action: ActionId): ReturnType<Bench['quarantined']> {
  const entry = parts.journal.ledger.find(action)
  if (entry === null) return { gone: 'this device never had such an action' }
  if (parts.journal.effects.find(action) === null) return { gone: whyNothing(entry) }
  const subject = findSubject(parts, action)
  if (subject?.record.action !== 'quarantine-file') return { gone: 'it is no quarantine of a file' }
  return { record: catalogue['quarantine-file'].undo.inverse.parse(subject.inverse) }
}

const nothingToDisplace = (_describe: () => FileRecord): FileRecord => {
  throw new Error('only an undo that was told to replace may displace something')
}

/** True when there is proof and all of it holds. */
export const isProven = (evidence: readonly Evidence[]): boolean =>
  evidence.length > 0 && evidence.every(({ holds }) => holds)
