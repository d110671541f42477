import type { FilePath } from '../../protocol/file-path.ts'
import { toFilePath } from '../../protocol/file-path.ts'
import type { Sha256 } from '../../protocol/file-record.ts'
import type { ProcessRef, ProcessTarget } from '../../protocol/process-ref.ts'
import { type Host, HostError, type ProcessFacts, type ProcessHandle } from '../host/host.ts'

/** What an order about processes names. */
export interface Wanted {
  readonly target: ProcessTarget
  /** Also everything that descends from the named ones. */
  readonly tree: boolean
}

/** One process of a set, held so that its number can never come to mean another (PRC1). */
export interface Member {
  readonly handle: ProcessHandle
  /** As they were when it was found; only the state moves on. */
  readonly facts: ProcessFacts
  /** Named by the order itself; else it only descends from one that is. */
  readonly named: boolean
}

/** Why there is no set. `ended`: what was named is no more, so that there is nothing left to do about it. */
export interface Absence {
  readonly code: 'target_not_found' | 'target_changed'
  readonly detail: string
  readonly ended: boolean
}

/** One order takes no more; the records and proofs are bounded. */
export const mostProcesses = 10_000

/**
 * The processes an order means, held by handles.
 *
 * INVARIANTS
 * - A process is in the set by number, start and boot; a number used again is another process (PRC1).
 * - A parent stands before its children. What is killed from the end leaves every survivor reachable from what was named, so that
 *   a repeat after a cut finds all of them again.
 * - What has ended is never added. What was added stays, even when its parent ends and it becomes a child of init.
 *
 * A process that left the tree before it was looked at (its parent had ended) is not found: the seam knows no other kinship.
 */
export class ProcessSet implements Disposable {
  readonly #host: Host
  readonly #wanted: Wanted
  readonly #members = new Map<string, Member>()

  constructor(host: Host, wanted: Wanted) {
    this.#host = host
    this.#wanted = wanted
  }

  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** Finds what the order names, and its descendants; null, or why nothing of it is there. */
  find(): Absence | null {
    const { target } = this.#wanted
    if ('process' in target) {
      const found = this.#findOne(target.process)
      if (found !== null) return found
    } else {
      this.#addByImage(target.imageSha256)
      if (this.#members.size === 0)
        return { code: 'target_not_found', detail: 'no process runs that image', ended: true }
    }
    this.#addDescendants()
    return null
  }

  /** Begins from processes of a record instead of {@link find}; what has ended is left out. */
  addRecorded(refs: readonly ProcessRef[]): void {
    for (const ref of refs) {
      const found = openRecorded(this.#host, ref)
      if (found !== null) this.#add(found.handle, found.facts, true)
    }
  }

  /** Looks again and answers with those that are new. */
  lookAgain(): readonly Member[] {
    const known = this.#members.size
    const { target } = this.#wanted
    if (!('process' in target)) this.#addByImage(target.imageSha256)
    this.#addDescendants()
    return this.members.slice(known)
  }

  /** Looks until nothing new is found; false when it grows faster than it can be looked at. */
  settle(onNew: (fresh: readonly Member[]) => void = () => {}): boolean {
    for (let look = 0; look < 100; look++) {
      const fresh = this.lookAgain()
      if (fresh.length === 0) return true
      if (this.#members.size > mostProcesses) return false
      onNew(fresh)
    }
    return false
  }

  drop(member: Member): void {
    this.#members.delete(keyOf(member.facts))
    member.handle.close()
  }

  [Symbol.dispose](): void {
    for (const { handle } of this.#members.values()) handle.close()
    this.#members.clear()
  }

  #findOne(ref: ProcessRef): Absence | null {
    const { pid } = ref
    const handle = this.#host.processes.open(pid)
    const facts = handle === null ? null : factsOf(handle)
    if (handle === null || facts === null || facts.state === 'dead') {
      handle?.close()
      return { code: 'target_not_found', detail: `there is no process ${pid}; it has ended`, ended: true }
    }
    const sha256 = imageOf(handle)
    const other = differenceOf(ref, facts, sha256)
    if (other === null) {
      this.#add(handle, facts, true)
      return null
    }
    handle.close()
    const detail = `${other}; found ${describe(facts, sha256)}`
    return { code: 'target_changed', detail, ended: facts.bootId !== ref.bootId || facts.startedAt !== ref.startedAt }
  }

  #addByImage(sha256: Sha256): void {
    for (const pid of this.#host.processes.pids())
      this.#take(pid, true, (handle, facts) => facts.state !== 'dead' && imageOf(handle) === sha256)
  }

  /** Breadth first: those that are added on the way are looked at in turn. */
  #addDescendants(): void {
    if (!this.#wanted.tree) return
    for (const { handle, facts: parent } of this.#members.values()) {
      for (const pid of unlessGone(() => handle.children()) ?? [])
        this.#take(pid, false, (_, facts) => facts.state !== 'dead' && facts.parent === parent.pid)
      if (this.#members.size > mostProcesses) return
    }
  }

  #take(pid: number, named: boolean, belongs: (handle: ProcessHandle, facts: ProcessFacts) => boolean): void {
    const handle = this.#host.processes.open(pid)
    if (handle === null) return
    const facts = factsOf(handle)
    if (facts !== null && !this.#members.has(keyOf(facts)) && belongs(handle, facts)) this.#add(handle, facts, named)
    else handle.close()
  }

  #add(handle: ProcessHandle, facts: ProcessFacts, named: boolean): void {
    this.#members.set(keyOf(facts), { handle, facts, named })
  }
}

/** Opens exactly the recorded process, or nothing. */
export const openRecorded = (host: Host, ref: ProcessRef): { handle: ProcessHandle; facts: ProcessFacts } | null => {
  const handle = host.processes.open(ref.pid)
  if (handle === null) return null
  const facts = factsOf(handle)
  if (facts !== null && facts.state !== 'dead' && keyOf(facts) === keyOf(ref)) return { handle, facts }
  handle.close()
  return null
}

/** Null once it has ended. */
export const factsOf = (handle: ProcessHandle): ProcessFacts | null => unlessGone(() => handle.facts())

/** Null where it has none that can be read, or has ended. */
export const imageOf = (handle: ProcessHandle): Sha256 | null => unlessGone(() => handle.imageSha256())

export const unlessGone = <T>(ask: () => T): T | null => {
  try {
    return ask()
  } catch (error) {
    if (error instanceof HostError && error.code === 'process_gone') return null
    throw error
  }
}

export const keyOf = ({ bootId, pid, startedAt }: Pick<ProcessRef, 'bootId' | 'pid' | 'startedAt'>): string =>
  `process/${bootId}/${pid}/${startedAt}`

export const refOf = ({ handle, facts: { pid, startedAt, bootId } }: Member): ProcessRef => {
  const imageSha256 = imageOf(handle)
  return imageSha256 === null ? { pid, startedAt, bootId } : { pid, startedAt, bootId, imageSha256 }
}

/**
 * The file of a running image as the local policy is asked about it. Where the machine does not tell a plain path, the answer is
 * the one the system itself has for it, which lies in no folder that a policy would open.
 */
export const touchedBy = (platform: Host['platform'], { image, pid }: ProcessFacts): FilePath => {
  const path = image === null ? null : toFilePath(image)
  if (path !== null) return path
  const unnamed = toFilePath(platform === 'linux' ? `/proc/${pid}/exe` : `C:\\unnamed image of process ${pid}`)
  if (unnamed === null) throw new Error(`no path stands for process ${pid}`)
  return unnamed
}

function differenceOf(ref: ProcessRef, facts: ProcessFacts, sha256: Sha256 | null): string | null {
  if (facts.bootId !== ref.bootId) return `the device has started again since boot ${ref.bootId}`
  if (facts.startedAt !== ref.startedAt) return `process ${ref.pid} that started at ${ref.startedAt} has ended`
  if (ref.imageSha256 !== undefined && sha256 !== ref.imageSha256)
    return `process ${ref.pid} does not run the image ${ref.imageSha256}`
  return null
}

/** Everything an operator needs to name it rightly. */
const describe = ({ pid, name, image, startedAt, bootId }: ProcessFacts, sha256: Sha256 | null): string =>
  `process ${pid} (${name}), started at ${startedAt}, boot ${bootId}, image ${image ?? 'unknown'}, sha256 ${sha256 ?? 'unreadable'}`
