import type { Platform } from '../../protocol/action-spec.ts'
import { type ActionName, specOf } from '../../protocol/actions/index.ts'
import type { FilePath } from '../../protocol/file-path.ts'
import type { EvidenceItem } from '../alerts/alert.ts'
import { canonicalJson, type Json } from '../audit/canonical-json.ts'

/** What would help against a thing that was found, or the sentence why nothing can be done yet. */
export type Remedy =
  | { readonly action: ActionName; readonly params: { readonly [key: string]: Json } }
  | { readonly none: string }

/** Evidence → action. Nothing is acted on that is not named exactly (VLT5, PRC1). */
export function remedyFor(item: EvidenceItem, platform: Platform): Remedy {
  switch (item.kind) {
    case 'file':
      if (!isOf(item.path, platform))
        return { none: `This is no path of ${platform}, so there is nothing to take there.` }
      if (item.sha256 === undefined) {
        return { none: 'The source gave no SHA-256, so nobody could say that the right file is taken.' }
      }
      return { action: 'quarantine-file', params: { path: item.path, sha256: item.sha256 } }
    case 'process':
      if (item.process !== undefined) {
        return { action: 'kill-process', params: { target: { process: item.process }, tree: false } }
      }
      if (item.imageSha256 !== undefined) {
        return { action: 'kill-process', params: { target: { imageSha256: item.imageSha256 }, tree: false } }
      }
      return {
        none: 'The source gave neither the start of the process nor the hash of its image; a number alone may name another one.',
      }
    case 'service':
    case 'driver':
    case 'registry-key':
    case 'scheduled-task':
    case 'startup-item':
    case 'address':
    case 'url':
    case 'account':
    case 'device':
      return { none: noActionYet[item.kind] }
  }
}

const noActionYet = {
  service: 'Services cannot be stopped yet.',
  driver: 'Drivers cannot be disabled yet.',
  'registry-key': 'Registry keys cannot be removed yet.',
  'scheduled-task': 'Scheduled tasks cannot be removed yet.',
  'startup-item': 'Startup items cannot be removed yet.',
  address: 'Addresses cannot be contained yet.',
  url: 'There is no action on a URL.',
  account: 'Accounts cannot be disabled yet.',
  device: 'A device is isolated by a person only.',
} as const

const isOf = (path: FilePath, platform: Platform): boolean =>
  /^[A-Z]:\\/.test(path) ? platform === 'windows' : platform === 'linux'

/** Where the thing lies, as far as that is known; for a process, a service and the like it is their image. */
export function pathOf(item: EvidenceItem, platform: Platform): FilePath | null {
  const path = knownPath(item)
  return path !== null && isOf(path, platform) ? path : null
}

function knownPath(item: EvidenceItem): FilePath | null {
  switch (item.kind) {
    case 'file':
      return item.path
    case 'process':
    case 'service':
    case 'driver':
      return item.image ?? null
    case 'startup-item':
      return item.path ?? null
    case 'registry-key':
    case 'scheduled-task':
    case 'address':
    case 'url':
    case 'account':
    case 'device':
      return null
  }
}

export function contentOf(item: EvidenceItem): string | null {
  if (item.kind === 'file') return item.sha256 ?? null
  if (item.kind === 'process') return item.process?.imageSha256 ?? item.imageSha256 ?? null
  return null
}

/** What makes two finds the same thing: everything that says which one it is, and nothing that only describes it. */
export function itemKey(item: EvidenceItem): string {
  switch (item.kind) {
    case 'file':
      return canonicalJson([item.kind, item.path, item.sha256 ?? null])
    case 'process': {
      const { process: ref } = item
      if (ref !== undefined) return canonicalJson([item.kind, ref.bootId, ref.pid, ref.startedAt])
      return canonicalJson([item.kind, item.pid, item.imageSha256 ?? null, item.image ?? null])
    }
    default:
      return canonicalJson(JSON.parse(JSON.stringify(item)) as Json)
  }
}

/** A remedy as an action takes it: parameters in their one form, and the target. */
export function memberFor({ action, params }: Extract<Remedy, { action: ActionName }>) {
  const spec = specOf(action)
  const parsed = spec.params.parse(params)
  return { params: canonicalJson(JSON.parse(JSON.stringify(parsed)) as Json), target: spec.target(parsed) }
}
