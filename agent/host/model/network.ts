import type { Endpoint } from '../../../protocol/actions/isolate-device.ts'
import type { IsolationRules } from '../host.ts'

export interface Connection {
  readonly to: Endpoint
  /** The process that opened it. */
  readonly pid: number
}

/** The name under which the agent keeps its table. */
export const ourTable = 'recourse'

/** The listing of the table that puts the rules in force; the order in which ends are named does not matter. */
export const tableOf = (rules: IsolationRules): string =>
  ['drop everything but', ...rules.reachable.map(endText).sort()].join('\n')

export const endText = ({ address, port }: Endpoint): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

const isLoopback = ({ address }: Endpoint) => address === '::1' || address.startsWith('127.')

/** The network of the model machine: who is out there, who is connected, and what the firewall lets through. */
export class Network {
  /** Ends that answer, by {@link endText}. */
  readonly peers = new Set<string>()
  /** By name, each as the text the firewall would list. */
  readonly #tables = new Map<string, string>()
  /** Tables of others that are loaded again at every start. */
  readonly #lasting = new Map<string, string>()
  readonly #watchers = new Set<() => void>()
  connections: readonly Connection[] = []
  /** What a start of the machine puts in force first, or null. */
  heldOverRestart: string | null = null

  table(name: string): string | null {
    return this.#tables.get(name) ?? null
  }

  tables(): readonly (readonly [string, string])[] {
    return [...this.#tables].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** Sets or, with null, removes a table, and tells whoever watches. */
  setTable(name: string, text: string | null, lasting = false): void {
    if (text === null) this.#tables.delete(name)
    else this.#tables.set(name, text)
    if (!lasting || text === null) this.#lasting.delete(name)
    else this.#lasting.set(name, text)
    for (const watcher of this.#watchers) queueMicrotask(() => this.#watchers.has(watcher) && watcher())
  }

  watch(watcher: () => void): Disposable {
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => this.#watchers.delete(watcher) }
  }

  /** Whether a packet to that end leaves the machine. Only our own kind of table drops anything here. */
  lets(to: Endpoint): boolean {
    const table = this.table(ourTable)
    if (isLoopback(to) || table === null || !table.startsWith('drop everything but')) return true
    return table.split('\n').slice(1).includes(endText(to))
  }

  reaches(to: Endpoint): boolean {
    return this.peers.has(endText(to)) && this.lets(to)
  }

  /** The process has ended. */
  disconnect(pid: number): void {
    this.connections = this.connections.filter((connection) => connection.pid !== pid)
  }

  /** Connections to ends that the rules do not let through. */
  elsewhere(rules: IsolationRules): readonly Connection[] {
    const kept = new Set(rules.reachable.map(endText))
    return this.connections.filter(({ to }) => !kept.has(endText(to)) && !isLoopback(to))
  }

  /** The machine starts: what is held comes up first, then what others load; nobody is connected. */
  restart(): void {
    this.#tables.clear()
    this.#watchers.clear()
    this.connections = []
    if (this.heldOverRestart !== null) this.#tables.set(ourTable, this.heldOverRestart)
    for (const [name, text] of this.#lasting) this.#tables.set(name, text)
  }
}
