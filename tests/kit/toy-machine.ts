import { createHash } from 'node:crypto'
import type { Host, Machine } from '../../agent/host/host.ts'
import type { Vault } from '../../agent/vault/vault.ts'
import { sha256 } from '../../protocol/file-record.ts'
import type { HandClock } from './hand-clock.ts'

/**
 * A very small machine that works: files with texts, processes that run or stand still, one firewall that is open or shut. Its four
 * actions are written as the contract asks, several effects each, so that the core can be cut off between any two of them.
 */
export interface Toy {
  readonly files: Map<string, string>
  readonly box: Map<string, string>
  readonly processes: Map<number, 'running' | 'suspended'>
  firewall: 'open' | 'shut'
  bootId: string
  /** How often each effect was carried out, by name and target. */
  readonly done: string[]
  /** Stops the world: told before and after each effect. */
  onEffect(phase: 'before' | 'after', effect: string): void
  /** Awaited inside of `prepare`, so that a test can hold an order there. */
  pause(where: string): Promise<void>
  /** Proofs about the firewall fail; for degraded isolation. */
  canaryAnswers: boolean
  /** Who is called when somebody changes the firewall. */
  readonly holders: Set<() => void>
  /** Everything that is true of the machine, to compare. */
  look(): string
}

const byName = ([a]: [string | number, string], [b]: [string | number, string]) => (String(a) < String(b) ? -1 : 1)

export function toyMachine(): Toy {
  const toy: Toy = {
    files: new Map(),
    box: new Map(),
    processes: new Map(),
    firewall: 'open',
    bootId: 'b0',
    done: [],
    onEffect: () => {},
    pause: async () => {},
    canaryAnswers: false,
    holders: new Set(),
    look: () =>
      JSON.stringify({
        files: [...toy.files].toSorted(byName),
        box: [...toy.box].toSorted(byName),
        processes: [...toy.processes].toSorted(byName),
        firewall: toy.firewall,
      }),
  }
  return toy
}

/** Somebody opens the firewall by hand; whoever holds it shut notices. */
export function tamper(toy: Toy): void {
  toy.firewall = 'open'
  for (const holder of toy.holders) holder()
}

/** What the core itself asks of a host; the rest is not there, and says so. */
export function toyHost(toy: Toy, clock: HandClock): Host {
  const absent = <T extends object>(what: string): T =>
    new Proxy({} as T, {
      get: () => {
        throw new Error(`the toy machine has no ${what}`)
      },
    })
  const machine: Machine = {
    bootId: () => toy.bootId,
    bootTimeMs: () => clock.bootTimeMs(),
    nowMs: () => clock.nowMs(),
    facts: () => ({ osName: 'toy', osVersion: '1', hostName: 'toy', architecture: 'toy', addresses: [] }),
    privileged: () => true,
    protects: () => null,
    owningPackage: () => null,
  }
  return {
    platform: 'linux',
    machine,
    files: absent('files'),
    processes: absent('processes'),
    firewall: absent('firewall'),
  }
}

/** A vault that has nothing to seal: the toy keeps its box itself. */
export const toyVault = (): Vault =>
  new Proxy({} as Vault, {
    get: (_, name) => {
      if (name === 'seal') return async () => ({ sealed: 0, left: [] })
      throw new Error(`the toy vault has no ${String(name)}`)
    },
  })

export const hashOf = (content: string) => sha256.parse(createHash('sha256').update(content).digest('hex'))
