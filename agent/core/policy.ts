import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import * as z from 'zod'
import type { Platform, Target } from '../../protocol/action-spec.ts'
import { actionNames } from '../../protocol/actions/index.ts'
import { type FilePath, filePath, isWithin } from '../../protocol/file-path.ts'

/**
 * The local policy (TRU5): a JSON file that belongs to root and that no server can lift. `{}` allows everything.
 *
 * INVARIANTS
 * - A file that cannot be read, is somebody else's, can be written by others, or does not fit the schema forbids everything, and says why.
 * - Only a device that never had a policy runs without one: a file that was there once and is gone forbids everything too.
 * - It is opened, looked at and read through one handle, anew for each question whose file has changed.
 */
export interface Policy {
  /** Why this may not be done here, or null. `touches` is null before the action has said what it would touch. */
  forbids(question: PolicyQuestion): string | null
}

export interface PolicyQuestion {
  /** An undo is not asked about its action: what stood before may come back. It is asked about its paths. */
  readonly kind: 'do' | 'undo'
  readonly action: string
  readonly target: Target | null
  readonly touches: readonly FilePath[] | null
}

const rules = z.strictObject({
  forbidActions: z.array(z.enum(actionNames)).optional(),
  onlyActions: z.array(z.enum(actionNames)).optional(),
  onlyWithin: z.array(filePath).optional(),
  forbidPaths: z.array(filePath).optional(),
})
export type PolicyRules = z.infer<typeof rules>

const mostBytes = 1_048_576

export interface PolicyFile {
  /** Null: this device has no place for a policy, as in the simulator. */
  readonly path: string | null
  readonly platform: Platform
  /** Whether a policy was ever read here, durable; see the invariants. */
  readonly seen: { get(): boolean; set(): void }
}

export function openPolicy(file: PolicyFile): Policy {
  let known: { readonly stamp: string; readonly found: PolicyRules | Fault } | null = null

  function current(): PolicyRules | Fault {
    if (file.path === null) return {}
    const opened = openNoLink(file.path)
    if (opened === 'absent') {
      known = null
      return file.seen.get()
        ? { fault: `the policy file ${file.path} is gone; write {} there to allow everything` }
        : {}
    }
    if (typeof opened !== 'number') return opened
    try {
      const state = fstatSync(opened, { bigint: true })
      const stamp = `${state.dev}/${state.ino}/${state.size}/${state.mtimeNs}/${state.ctimeNs}`
      if (known?.stamp !== stamp) known = { stamp, found: readRules(opened, file) }
      if (!file.seen.get()) file.seen.set()
      return known.found
    } finally {
      closeSync(opened)
    }
  }

  return {
    forbids(question) {
      const found = current()
      return 'fault' in found ? found.fault : reasonAgainst(found, question)
    },
  }
}

interface Fault {
  readonly fault: string
}

function openNoLink(path: string): number | 'absent' | Fault {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    return code === 'ENOENT' ? 'absent' : { fault: `the policy file ${path} cannot be opened (${code})` }
  }
}

function readRules(handle: number, file: PolicyFile): PolicyRules | Fault {
  const state = fstatSync(handle)
  const fault = (why: string): Fault => ({ fault: `the policy file ${file.path} ${why}; everything is forbidden` })
  if (!state.isFile()) return fault('is no regular file')
  if (file.platform !== 'windows') {
    if (state.uid !== 0 && state.uid !== process.geteuid?.()) return fault('belongs neither to root nor to the agent')
    if ((state.mode & 0o022) !== 0) return fault('can be written by others than its owner')
  }
  if (state.size > mostBytes) return fault(`is larger than ${mostBytes} bytes`)
  const content = Buffer.alloc(mostBytes)
  let length = 0
  for (let read = -1; read !== 0 && length < mostBytes; length += read)
    read = readSync(handle, content, length, mostBytes - length, length)
  try {
    const read = rules.safeParse(JSON.parse(content.toString('utf8', 0, length)))
    return read.success ? read.data : fault(`is not valid: ${z.prettifyError(read.error)}`)
  } catch {
    return fault('is not JSON')
  }
}

function reasonAgainst(policy: PolicyRules, { kind, action, target, touches }: PolicyQuestion): string | null {
  const isNamed = (names: readonly string[]) => names.includes(action)
  if (kind === 'do') {
    if (policy.forbidActions !== undefined && isNamed(policy.forbidActions)) return `${action} is forbidden here`
    if (policy.onlyActions !== undefined && !isNamed(policy.onlyActions))
      return `${action} is not among what is allowed here`
  }
  const named = target?.kind === 'file' ? filePath.safeParse(target.key) : null
  const paths = [...(named?.success === true ? [named.data] : []), ...(touches ?? [])]
  for (const path of paths) {
    if (policy.forbidPaths?.some((folder) => isWithin(path, folder)) === true)
      return `${path} lies where nothing may be touched`
    if (policy.onlyWithin?.some((folder) => isWithin(path, folder)) === false)
      return `${path} lies outside of what may be touched`
  }
  if (policy.onlyWithin === undefined || kind === 'undo') return null
  if (target?.kind === 'device') return `${action} is about the whole device; only parts of it may be touched`
  return touches !== null && paths.length === 0 ? `${action} does not say which files it is about` : null
}
