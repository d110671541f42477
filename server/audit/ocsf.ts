import type { Tactic } from '../../protocol/action-spec.ts'
import { type ActionName, specOf } from '../../protocol/actions/index.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { hasEnded, type Status } from '../../protocol/status.ts'

/** The version of the schema that the events below are written for. */
const schemaVersion = '1.3.0'

/** An action that has ended, as the exporter needs it. */
export interface EndedAction {
  readonly id: ActionId
  readonly kind: 'do' | 'undo'
  readonly action: ActionName
  /** As the spec of the action parsed it; for an undo, those of the action it takes back. */
  readonly params: unknown
  readonly undoOf: ActionId | null
  readonly status: Status
  readonly outcome: Outcome | null
  readonly comment: string
  readonly endedAt: number
  readonly device: { readonly id: DeviceId; readonly name: string; readonly platform: 'linux' | 'windows' }
}

/**
 * One OCSF Remediation event (category 7): File 7002, Process 7003 and Network 7004 Remediation Activity, or 7001 for what has no class of its own.
 * An undo is activity 3, Restore, and names the action it takes back.
 */
export interface RemediationEvent {
  readonly class_uid: 7001 | 7002 | 7003 | 7004
  readonly category_uid: 7
  readonly activity_id: 1 | 2 | 3 | 4 | 5
  readonly activity_name: Tactic
  readonly type_uid: number
  /** Milliseconds since 1970. */
  readonly time: number
  readonly severity_id: 1
  readonly status_id: 1 | 2 | 3 | 5 | 6
  readonly status: string
  readonly status_detail: string
  readonly message: string
  readonly command_uid: string
  readonly metadata: {
    readonly version: string
    readonly uid: string
    readonly correlation_uid: string
    readonly profiles: ['host']
    readonly product: { readonly name: 'Recourse'; readonly vendor_name: 'Recourse' }
  }
  readonly device: {
    readonly uid: string
    readonly hostname: string
    readonly type_id: 0
    readonly os: { readonly name: string; readonly type_id: 100 | 200 }
  }
  readonly countermeasures: readonly {
    readonly d3f_tactic: { readonly name: Tactic }
    readonly d3f_technique: { readonly uid: string; readonly name: string }
  }[]
  readonly remediation: { readonly desc: string }
  readonly file?: {
    readonly name: string
    readonly path: string
    readonly type_id: 1
    readonly hashes?: readonly { readonly algorithm_id: 3; readonly value: string }[]
  }
  readonly process?: {
    readonly pid?: number
    readonly uid?: string
    readonly file?: {
      readonly name: string
      readonly type_id: 1
      readonly hashes: readonly { readonly algorithm_id: 3; readonly value: string }[]
    }
  }
  readonly connection_info?: { readonly direction_id: 0 }
}

const activities: Readonly<Record<Tactic, RemediationEvent['activity_id']>> = {
  Isolate: 1,
  Evict: 2,
  Restore: 3,
  Harden: 4,
  Detect: 5,
}

/** The event of an ended action. Throws for one that has not ended: it has no result to speak of. */
export function toOcsf(action: EndedAction): RemediationEvent {
  if (!hasEnded(action.status)) throw new Error(`action ${action.id} has not ended`)
  const spec = specOf(action.action)
  const technique = action.kind === 'undo' && 'technique' in spec.undo ? spec.undo.technique : spec.technique
  const target = targetOf(action)
  const activity = activities[technique.tactic]
  return {
    class_uid: target.class_uid,
    category_uid: 7,
    activity_id: activity,
    activity_name: technique.tactic,
    type_uid: target.class_uid * 100 + activity,
    time: action.endedAt,
    severity_id: 1,
    ...resultOf(action),
    message: action.comment,
    command_uid: action.id,
    metadata: {
      version: schemaVersion,
      uid: action.id,
      correlation_uid: action.undoOf ?? action.id,
      profiles: ['host'],
      product: { name: 'Recourse', vendor_name: 'Recourse' },
    },
    device: {
      uid: action.device.id,
      hostname: action.device.name,
      type_id: 0,
      os: action.device.platform === 'linux' ? { name: 'Linux', type_id: 200 } : { name: 'Windows', type_id: 100 },
    },
    countermeasures: [
      { d3f_tactic: { name: technique.tactic }, d3f_technique: { uid: technique.id, name: technique.name } },
    ],
    remediation: { desc: action.kind === 'undo' && 'title' in spec.undo ? spec.undo.title : spec.title },
    ...target.subject,
  }
}

type Subject = Pick<RemediationEvent, 'file' | 'process' | 'connection_info'>

/** The class by what the action is about, and the object that class requires. */
function targetOf({ action, params }: EndedAction): { class_uid: RemediationEvent['class_uid']; subject: Subject } {
  const target = specOf(action).target(params)
  switch (target.kind) {
    case 'file':
      return {
        class_uid: 7002,
        subject: { file: { name: nameOf(target.label), path: target.label, type_id: 1, ...hashesOf(params) } },
      }
    case 'process':
      return { class_uid: 7003, subject: { process: processOf(params) } }
    case 'device':
      return { class_uid: 7004, subject: { connection_info: { direction_id: 0 } } }
  }
}

const nameOf = (path: string) => path.split(/[\\/]/).at(-1) ?? path

const fingerprint = (value: string) => ({ algorithm_id: 3, value }) as const

const hashesOf = (params: unknown) => {
  const value = textAt(params, 'sha256')
  return value === null ? {} : { hashes: [fingerprint(value)] }
}

function processOf(params: unknown): NonNullable<RemediationEvent['process']> {
  const target = fieldAt(params, 'target')
  const image = textAt(target, 'imageSha256')
  if (image !== null) return { file: { name: 'unknown', type_id: 1, hashes: [fingerprint(image)] } }
  const reference = fieldAt(target, 'process')
  const pid = fieldAt(reference, 'pid')
  return typeof pid === 'number'
    ? { pid, uid: `${textAt(reference, 'bootId')}/${pid}/${textAt(reference, 'startedAt')}` }
    : {}
}

const fieldAt = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([name]) => name === key)?.[1] : undefined

const textAt = (value: unknown, key: string): string | null => {
  const found = fieldAt(value, key)
  return typeof found === 'string' ? found : null
}

function resultOf({ status, outcome }: EndedAction): Pick<RemediationEvent, 'status_id' | 'status' | 'status_detail'> {
  const code = outcome !== null && 'code' in outcome ? outcome.code : null
  const detail = code ?? status
  if (status === 'succeeded') return { status_id: 1, status: 'Success', status_detail: detail }
  if (code === 'target_not_found' || code === 'nothing_to_undo')
    return { status_id: 3, status: 'Does Not Exist', status_detail: detail }
  if (code === 'action_unsupported' || code === 'action_unknown')
    return { status_id: 5, status: 'Unsupported', status_detail: detail }
  if (status === 'failed') return { status_id: 6, status: 'Error', status_detail: detail }
  return { status_id: 2, status: 'Failure', status_detail: detail }
}
