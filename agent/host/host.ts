import type { Platform } from '../../protocol/action-spec.ts'
import type { Endpoint } from '../../protocol/actions/isolate-device.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { FilePath } from '../../protocol/file-path.ts'
import type { DataRange, FileMetadata, Identity, Sha256 } from '../../protocol/file-record.ts'
import type { Gap } from '../../protocol/outcome.ts'
import type { ProcessRef } from '../../protocol/process-ref.ts'

/**
 * The seam to the machine. Everything an action reads or changes goes through here, so that the same action runs on a real
 * Linux device, on Windows later, and on the model machine; and so that a test can stop the world before and after every effect.
 *
 * INVARIANTS
 * - Methods named below as effects change the machine; all others only read. An effect has happened when its method returns,
 *   and has not happened when it throws, unless its comment says otherwise.
 * - Things are held by handles. A handle keeps naming the object it was opened on, whatever happens to its name.
 *   Close it (`using`); a closed handle throws.
 * - Methods are synchronous where the operating system answers at once, and promises where a program or the network is waited for.
 * - What the machine denies is a {@link HostError} with a code of the error table; the caller decides whether it is an expected ending.
 */
export interface Host {
  readonly platform: Platform
  readonly machine: Machine
  readonly files: Files
  readonly processes: Processes
  readonly firewall: Firewall
}

/** The operating system refused, or the thing is not as the call needs it. `code` is from the table of errors. */
export class HostError extends Error {
  readonly code: HostErrorCode

  constructor(code: HostErrorCode, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.name = 'HostError'
    this.code = code
  }
}

export type HostErrorCode = Extract<
  ErrorCode,
  | 'target_not_found'
  | 'target_not_regular'
  | 'target_behind_link'
  | 'place_taken'
  | 'no_space'
  | 'read_only'
  | 'not_permitted'
  | 'tool_missing'
  | 'tool_failed'
  | 'io_failed'
  | 'other_file_system'
  | 'process_gone'
>

export interface Machine {
  /** Changes with every start of the machine, and never else. */
  bootId(): string
  /** Milliseconds since the machine started, time asleep included; moves only forward, at the pace of time. */
  bootTimeMs(): number
  /** Milliseconds since 1970, as the machine believes; may jump. */
  nowMs(): number
  facts(): { osName: string; osVersion: string; hostName: string; architecture: string; addresses: readonly string[] }
  /** True when the agent has the rights of the system itself (root, LocalSystem). */
  privileged(): boolean
  /**
   * Why nobody may touch this file, or null: it belongs to the agent, to init, to the running kernel or to the package that
   * holds the C library (VLT3). Asked with the identity that was opened, not only with its name.
   */
  protects(path: FilePath, file: Identity): string | null
  /** The package that installed the file, as `name version`, or null when none or unknown. Only for words. */
  owningPackage(path: FilePath): string | null
}

/** The bytes of one component of a path. */
export type EntryName = Uint8Array

export interface Files {
  /** Opens a directory, following no link in any component (VLT2). HostError: target_not_found, target_behind_link, target_not_regular (a component is no directory). */
  openDirectory(path: FilePath): Directory
  /** Opens the directory that holds `path` and names the last component. Same errors. */
  openParent(path: FilePath): { directory: Directory; name: EntryName }
}

export interface Directory extends Disposable {
  readonly path: FilePath
  readonly identity: Identity
  /** What bears this name now, not following a link; null for nothing. */
  look(name: EntryName): Entry | null
  names(): EntryName[]
  /**
   * Opens a regular file for reading. HostError: target_not_found, target_behind_link (it is a link), target_not_regular.
   * Never waits, whatever the thing turns out to be, and never changes its access time where the system allows that.
   */
  openFile(name: EntryName): OpenFile
  /** Effect. A new, empty regular file, mode 0600, open for reading and writing. HostError place_taken when the name is in use. */
  createFile(name: EntryName): OpenFile
  /** Effect. A new directory that only the agent may enter. HostError place_taken. */
  createDirectory(name: EntryName): Directory
  /** Effect. One atomic rename that never replaces: HostError place_taken, other_file_system, target_not_found. */
  move(name: EntryName, to: Directory, toName: EntryName): void
  /** Effect. Removes a name that is no directory. */
  remove(name: EntryName): void
  /** Effect. What was done to names in this directory is on disk when it returns. */
  sync(): void
  /** Bytes that can still be written to this file system by the agent. */
  freeBytes(): number
  /**
   * Why somebody besides the agent could list this directory or change what it holds (it belongs to another user, its mode or its
   * access list lets others in), or null. Only the directory itself is asked, not what it lies in. The vault opens no other one.
   */
  exposed(): string | null
  close(): void
}

export interface Entry {
  readonly kind: 'file' | 'directory' | 'link' | 'fifo' | 'socket' | 'device'
  readonly identity: Identity
  readonly sizeBytes: number
}

export interface OpenFile extends Disposable {
  readonly identity: Identity
  sizeBytes(): number
  /** How many names the file has on its file system. */
  links(): number
  /** Everything that makes it the same again (UND3), read at once. */
  metadata(): FileMetadata
  /**
   * Effect. Sets all of it, in the order that keeps it (owner, mode, attributes, times, flags last); what the machine did not
   * take is named, not thrown. Setting the same again changes nothing.
   */
  setMetadata(metadata: FileMetadata): Gap[]
  /** Effect. Lifts the flags that keep a file from being moved or changed (immutable, append-only); false when there were none. */
  unlock(): boolean
  /** Effect. Takes every mode bit away, so that nobody but the agent can open it anew. */
  lock(): void
  /** Fills the buffer from `position`; returns the bytes read, 0 at the end. */
  read(buffer: Uint8Array, position: number): number
  /** Effect. Writes all of the buffer at `position`; may extend the file, leaving a hole. */
  write(buffer: Uint8Array, position: number): void
  /** Effect. */
  truncate(sizeBytes: number): void
  /** The stored runs of a file with holes, in order; null when it has none or the file system cannot tell. */
  ranges(): DataRange[] | null
  /** Effect. Bytes and metadata are on disk when it returns. */
  sync(): void
  /**
   * Effect. The same for a file so large that the disk is waited for: the agent goes on meanwhile. The handle must stay open until it resolves.
   */
  flush(): Promise<void>
  /** Processes that have this very file open or run it, as far as the agent can see; for previews. */
  users(): { pid: number; image: string }[]
  close(): void
}

export interface Processes {
  /** Every process the agent can see, as its number; a snapshot. */
  pids(): number[]
  /** Holds the process that has this number now; null when there is none. The handle never comes to mean another one. */
  open(pid: number): ProcessHandle | null
}

export interface ProcessFacts extends Omit<ProcessRef, 'imageSha256'> {
  readonly parent: number
  readonly name: string
  /** Path of the running image, null for kernel threads and where it cannot be read. Only for words. */
  readonly image: string | null
  readonly state: 'running' | 'suspended' | 'dead'
  /** Why it is never touched, or null: a kernel thread, init, the agent itself or one of its ancestors. */
  readonly protection: string | null
}

export interface ProcessHandle extends Disposable {
  /** Read through the handle; HostError process_gone once it has ended and been collected. */
  facts(): ProcessFacts
  /** SHA-256 of the running image itself, even when its file was replaced or deleted; null when it has none that can be read. */
  imageSha256(): Sha256 | null
  /** Numbers of its children now. */
  children(): number[]
  /** Effect. Stops it where it stands, or does nothing when it stands. */
  suspend(): void
  /** Effect. Lets it go on, or does nothing when it runs. */
  resume(): void
  /** Effect. Ends it at once; nothing when it has ended. It is gone only when {@link gone} says so. */
  kill(): void
  /** True once it has ended, waiting up to `timeoutMs`. */
  gone(timeoutMs: number): Promise<boolean>
  close(): void
}

/** What isolation lets through: these ends, loopback, neighbour discovery and DHCP; nothing else, and no DNS (ISO1). */
export interface IsolationRules {
  readonly reachable: readonly Endpoint[]
}

/** How the table stands against what it should be. */
export type IsolationState = 'absent' | 'as-ordered' | 'altered'

export interface Firewall {
  /** Why this machine cannot isolate itself: no tool, no rights, a kernel without what it takes. Null when it can. */
  unable(): Promise<{ code: ErrorCode; detail: string } | null>
  state(rules: IsolationRules): Promise<IsolationState>
  /** The listing of a table with our name, or null; what ISO4 gives back. HostError place_taken when it could not be put back. */
  foundTable(): Promise<string | null>
  /** Effect. Puts the whole table in force in one transaction, replacing one of our name. Done or not done, nothing between. */
  isolate(rules: IsolationRules): Promise<void>
  /** Effect. Takes our table away and puts `foundTable` back when there was one, in one transaction. */
  release(foundTable: string | null): Promise<void>
  /** Effect. Ends connections to elsewhere; the number ended. */
  endConnections(rules: IsolationRules): Promise<number>
  /** Remote ends that have a connection now and would lose it; for previews. */
  connectionsElsewhere(rules: IsolationRules): Promise<string[]>
  /** Effect. From now on a start of the machine puts the rules in force before the network comes up. */
  holdOverRestart(rules: IsolationRules): Promise<void>
  /** Effect. No longer. */
  forgetOverRestart(): Promise<void>
  /** True when {@link holdOverRestart} is in place for exactly these rules. */
  heldOverRestart(rules: IsolationRules): Promise<boolean>
  /** Calls back after any change of the rule set that could be ours, at most some milliseconds late; several may come as one. */
  watch(changed: () => void): Disposable
  /** Opens and closes one connection. */
  probe(to: Endpoint, timeoutMs: number): Promise<'connected' | 'unreachable'>
}
