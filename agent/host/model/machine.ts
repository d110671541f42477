import type { Platform } from '../../../protocol/action-spec.ts'
import type { Endpoint } from '../../../protocol/actions/isolate-device.ts'
import { Clock } from './clock.ts'
import { fileTimeOf } from './disk.ts'
import { FileVerbs } from './file-verbs.ts'
import { endText, Network, ourTable } from './network.ts'
import { ProcessTable, type SpawnOptions } from './process-table.ts'
import { seeded } from './seed.ts'
import { type Snapshot, snapshotOf } from './snapshot.ts'

export interface ModelOptions {
  readonly platform: Platform
  /** The same seed makes the same machine. */
  readonly seed: number
  /** The clock of the world in milliseconds since 1970; only {@link ModelMachine.advance} moves it where none is given. */
  readonly now?: () => number
  /** Whether the agent has the rights of the system itself; default true. */
  readonly privileged?: boolean
  /** Whether there is a firewall the agent can use; default true. */
  readonly hasFirewall?: boolean
}

/** Files every machine has, so that there is something to protect. */
const systemFiles = {
  linux: { init: '/usr/lib/systemd/systemd', agent: '/usr/bin/recourse-agent' },
  windows: { init: 'C:\\Windows\\System32\\ntoskrnl.exe', agent: 'C:\\Program Files\\Recourse\\recourse-agent.exe' },
} as const

/**
 * A small working computer. Everything the agent can see or change through the seam is here, together with verbs for what
 * everybody else on the machine does. It is synchronous, repeats from its seed, and costs some kilobytes while it is empty.
 *
 * INVARIANTS
 * - What an effect did is durable at once: it survives the death of the agent and a {@link ModelMachine.reboot}. A power cut that
 *   loses what was never synced is not modelled.
 * - Paths given to verbs are never followed through links.
 * - What the model does not know is a plain Error, never a made-up answer.
 */
export class ModelMachine extends FileVerbs {
  readonly privileged: boolean
  readonly hasFirewall: boolean
  /** The user the agent runs as when it is not the system itself. */
  readonly agentUser = 1000
  readonly processTable: ProcessTable
  readonly network = new Network()
  readonly #random
  readonly #clock: Clock
  #others: (() => void) | null = null
  readonly hostName: string
  bootId = ''
  agentPid = 0

  constructor(options: ModelOptions) {
    const clock = new Clock(options.now)
    super(options.platform, () => clock.stampNs())
    this.#clock = clock
    this.privileged = options.privileged ?? true
    this.hasFirewall = options.hasFirewall ?? true
    this.#random = seeded(options.seed)
    this.hostName = `model-${this.#random.uuid().slice(0, 8)}`
    const { platform, disk, network } = this
    const stamp = () => (platform === 'linux' ? BigInt(Math.floor(clock.bootTimeMs / 10)) : fileTimeOf(clock.stampNs()))
    this.processTable = new ProcessTable(platform, disk, stamp, (pid) => network.disconnect(pid))
    const { init, agent } = systemFiles[this.platform]
    this.writeFile(init, 'init')
    this.writeFile(agent, 'agent')
    this.protect(init, 'init of this system')
    this.protect(agent, 'belongs to the agent')
    this.#boot()
  }

  // Time.

  get nowMs(): number {
    return this.#clock.nowMs
  }

  get bootTimeMs(): number {
    return this.#clock.bootTimeMs
  }

  advance(ms: number): void {
    this.#clock.advance(ms)
  }

  /** Somebody sets the wall clock; the time since the start does not notice. */
  jumpWallClock(ms: number): void {
    this.#clock.jump(ms)
  }

  /**
   * Every process ends, volatile state is gone, and the machine starts again: what is held over the restart first, then the rest.
   * Hosts made before are void.
   */
  reboot(): void {
    this.processTable.clear()
    this.network.restart()
    this.#clock.restart()
    this.#boot()
  }

  #boot(): void {
    this.bootId = this.#random.uuid()
    const { init, agent } = systemFiles[this.platform]
    const { initPid } = this.processTable
    const windows = this.platform === 'windows'
    this.spawnProcess({
      pid: initPid,
      name: windows ? 'System' : 'systemd',
      kernel: windows,
      ...(windows ? {} : { image: init }),
    })
    if (!windows) this.spawnProcess({ name: 'kthreadd', kernel: true, parent: 0 })
    this.agentPid = this.spawnProcess({ image: agent, owner: this.privileged ? 0 : this.agentUser })
  }

  /**
   * Called before every call the agent makes through the seam and while it waits, so that the rest of the machine can live: swap
   * names under its hands, fork, end. Null for a machine that stands still.
   */
  meanwhile(others: (() => void) | null): void {
    this.#others = others
  }

  othersTurn(): void {
    const others = this.#others
    if (others === null) return
    // What others do is not a reason to let them do more.
    this.#others = null
    try {
      others()
    } finally {
      this.#others ??= others
    }
  }

  // Processes.

  spawnProcess(options: SpawnOptions = {}): number {
    return this.processTable.spawn(options)
  }

  fork(pid: number, options: Pick<SpawnOptions, 'pid' | 'name'> = {}): number {
    return this.processTable.fork(pid, options)
  }

  /** Ends at once; its number is free again as soon as its parent has collected it, which most do at once. */
  exit(pid: number): void {
    this.processTable.end(pid)
  }

  /** The agent is started as a child of that process; until now it was one of init. */
  putAgentUnder(pid: number): void {
    this.processTable.get(this.agentPid).parent = pid
  }

  // Network.

  /** Something answers there from now on. */
  peer(end: Endpoint): void {
    this.network.peers.add(endText(end))
  }

  /** A process connects; false when it cannot. */
  connect(pid: number, to: Endpoint): boolean {
    if (this.processTable.get(pid).state !== 'running' || !this.network.reaches(to)) return false
    this.network.connections = [...this.network.connections, { to, pid }]
    return true
  }

  /** Somebody else loads a table, or with null removes it. A lasting one is loaded again at every start. */
  setTable(name: string, text: string | null, how: { lasting?: boolean } = {}): void {
    this.network.setTable(name, text, how.lasting ?? false)
  }

  /** Somebody removes or alters the agent's own table. */
  tamper(text: string | null): void {
    this.network.setTable(ourTable, text)
  }

  /** Everything there is, as a plain value that is equal exactly when two machines are; see {@link Snapshot}. */
  snapshot(how: { readonly without?: readonly string[] } = {}): Snapshot {
    return snapshotOf(
      this,
      (how.without ?? []).map((path) => this.disk.path(path)),
    )
  }
}

export const modelMachine = (options: ModelOptions): ModelMachine => new ModelMachine(options)
