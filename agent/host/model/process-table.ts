import type { Platform } from '../../../protocol/action-spec.ts'
import type { Disk } from './disk.ts'
import type { Inode } from './inode.ts'

/** One process of the model machine. */
export interface ModelProcess {
  readonly pid: number
  parent: number
  /** Ticks since boot on the Linux face, FILETIME on the Windows face; no two processes of one boot share it. */
  readonly startedAt: bigint
  name: string
  image: Inode | null
  imagePath: string | null
  readonly owner: number
  readonly kernel: boolean
  state: 'running' | 'suspended' | 'dead'
  /** Told to end while it stood in the kernel, where nothing reaches it: it ends as soon as it comes out. */
  doomed: boolean
  stuck: boolean
  /** False: its ended children stay as dead entries until somebody collects them. */
  readonly collects: boolean
  readonly opened: Set<Inode>
}

/** How a process begins. `image` is a path; default is the image of the parent. */
export interface SpawnOptions {
  readonly image?: string
  /** Default: init. */
  readonly parent?: number
  readonly name?: string
  readonly owner?: number
  /** Takes this number, which must be free: a reused one, for instance. */
  readonly pid?: number
  readonly kernel?: boolean
  readonly collects?: boolean
}

/** The processes of the model machine and what they do to each other. */
export class ProcessTable {
  readonly #platform: Platform
  readonly #disk: Disk
  /** Stamp of a process that starts now. */
  readonly #stamp: () => bigint
  readonly #ended: (pid: number) => void
  readonly #all = new Map<number, ModelProcess>()
  #lastPid = 0
  #lastStamp = 0n

  /** @param ended told of every process that ends */
  constructor(platform: Platform, disk: Disk, stamp: () => bigint, ended: (pid: number) => void) {
    this.#platform = platform
    this.#disk = disk
    this.#stamp = stamp
    this.#ended = ended
  }

  get initPid(): number {
    return this.#platform === 'linux' ? 1 : 4
  }

  /** The power goes: every process ends without a trace. */
  clear(): void {
    for (const pid of this.#all.keys()) {
      this.end(pid)
      this.#all.delete(pid)
    }
    this.#lastPid = 0
    this.#lastStamp = 0n
  }

  all(): readonly ModelProcess[] {
    return [...this.#all.values()].sort((a, b) => a.pid - b.pid)
  }

  find(pid: number): ModelProcess | null {
    return this.#all.get(pid) ?? null
  }

  get(pid: number): ModelProcess {
    const found = this.#all.get(pid)
    if (found === undefined) throw new Error(`no process ${pid}`)
    return found
  }

  spawn(options: SpawnOptions): number {
    const pid = options.pid ?? this.#freePid()
    if (this.#all.has(pid)) throw new Error(`${pid} is in use`)
    const parent = options.parent ?? this.initPid
    const image = options.image === undefined ? null : this.#imageAt(options.image)
    const now = this.#stamp()
    this.#lastStamp = now > this.#lastStamp ? now : this.#lastStamp + 1n
    if (options.pid === undefined) this.#lastPid = pid
    this.#all.set(pid, {
      pid,
      parent: pid === this.initPid ? 0 : parent,
      startedAt: this.#lastStamp,
      name: options.name ?? options.image?.split(/[\\/]/).at(-1) ?? `process-${pid}`,
      image,
      imagePath: options.image ?? null,
      owner: options.owner ?? 0,
      kernel: options.kernel ?? false,
      state: 'running',
      doomed: false,
      stuck: false,
      collects: options.collects ?? true,
      opened: new Set(),
    })
    if (image !== null) this.#disk.hold(image)
    return pid
  }

  /** A running process makes a copy of itself. */
  fork(pid: number, options: Pick<SpawnOptions, 'pid' | 'name'> = {}): number {
    const parent = this.get(pid)
    if (parent.state !== 'running') throw new Error(`${pid} is ${parent.state} and cannot fork`)
    const child = this.get(this.spawn({ parent: pid, owner: parent.owner, name: parent.name, ...options }))
    this.#run(child, parent.image, parent.imagePath)
    return child.pid
  }

  /** A running process becomes another program. */
  exec(pid: number, image: string): void {
    const process = this.get(pid)
    if (process.state !== 'running') throw new Error(`${pid} is ${process.state} and runs nothing new`)
    this.#run(process, this.#imageAt(image), image)
    process.name = image.split(/[\\/]/).at(-1) ?? image
  }

  openIn(pid: number, path: string): void {
    const inode = this.#imageAt(path)
    const { opened } = this.get(pid)
    if (opened.has(inode)) return
    opened.add(inode)
    this.#disk.hold(inode)
  }

  /** Ends it, or dooms it while it is stuck; does nothing to one that has ended. */
  end(pid: number): void {
    const process = this.get(pid)
    if (process.state === 'dead') return
    if (process.stuck) {
      process.doomed = true
      return
    }
    process.state = 'dead'
    this.#ended(pid)
    for (const inode of process.opened) this.#disk.letGo(inode)
    process.opened.clear()
    this.#run(process, null, process.imagePath)
    for (const child of this.#all.values()) if (child.parent === pid) this.#orphan(child)
    if (this.#all.get(process.parent)?.collects ?? true) this.#all.delete(pid)
  }

  /** Somebody collects the dead entry. */
  collect(pid: number): void {
    if (this.get(pid).state !== 'dead') throw new Error(`${pid} has not ended`)
    this.#all.delete(pid)
  }

  setStuck(pid: number, stuck: boolean): void {
    const process = this.get(pid)
    process.stuck = stuck
    if (!stuck && process.doomed) this.end(pid)
  }

  suspend(pid: number): void {
    const process = this.get(pid)
    if (process.state === 'running') process.state = 'suspended'
  }

  resume(pid: number): void {
    const process = this.get(pid)
    if (process.state === 'suspended') process.state = 'running'
  }

  /** On the Windows face a number may outlive the parent it named, so only what began later is a child. */
  childrenOf(pid: number): readonly ModelProcess[] {
    const parent = this.get(pid)
    return this.all().filter((child) => child.parent === pid && child.startedAt > parent.startedAt)
  }

  usersOf(inode: Inode): { pid: number; image: string; holdsOpen: boolean }[] {
    return this.all()
      .filter(({ image, opened }) => image === inode || opened.has(inode))
      .map(({ pid, name, imagePath, opened }) => ({ pid, image: imagePath ?? name, holdsOpen: opened.has(inode) }))
  }

  #orphan(child: ModelProcess): void {
    if (this.#platform === 'windows') return
    child.parent = this.initPid
    if (child.state === 'dead') this.#all.delete(child.pid)
  }

  #run(process: ModelProcess, image: Inode | null, imagePath: string | null): void {
    if (image !== null) this.#disk.hold(image)
    if (process.image !== null) this.#disk.letGo(process.image)
    process.image = image
    process.imagePath = imagePath
  }

  #imageAt(path: string): Inode {
    const inode = this.#disk.find(this.#disk.path(path))
    if (inode === null || inode.kind !== 'file') throw new Error(`no file at ${path}`)
    return inode
  }

  #freePid(): number {
    const step = this.#platform === 'linux' ? 1 : 4
    const highest = this.#platform === 'linux' ? 32_768 : 131_072
    let pid = this.#lastPid
    do pid = pid + step > highest ? 300 * step : pid + step
    while (this.#all.has(pid))
    return pid
  }
}
