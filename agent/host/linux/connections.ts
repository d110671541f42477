import { networkInterfaces } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { HostError, type IsolationRules } from '../host.ts'
import { canonicalEnd } from './isolation-table.ts'
import { complaintOf, type Programs, runProgram } from './run-program.ts'

/**
 * TCP connections that an isolation cuts, seen and ended through `ss` (netlink sock_diag). Only those of the agent's own network
 * namespace; those of containers end at the forward hook. The rules alone starve a connection already; ending it tells both programs.
 */
export interface Connections {
  /** One line for each: the remote end, and what of this device holds it. At most a thousand. */
  elsewhere(rules: IsolationRules): Promise<string[]>
  /** Effect. The number ended. Those that the kernel would not end after some rounds stay in {@link elsewhere}. */
  endElsewhere(rules: IsolationRules): Promise<number>
}

export const tcpConnections = (programs: Programs): Connections => {
  const ask = async (options: string, rules: IsolationRules) => {
    const ran = await runProgram(programs.need('ss'), [options, ...elsewhereFilter(rules, ownAddresses())], LIMITS)
    if (ran.exitCode !== 0 && ran.complete) throw new HostError('tool_failed', `ss failed: ${complaintOf(ran)}`)
    return ran.stdout.split('\n').flatMap((line) => connectionIn(line) ?? [])
  }

  return {
    elsewhere: async (rules) => (await ask('-Htnp', rules)).slice(0, 1_000),
    endElsewhere: async (rules) => {
      let ended = 0
      for (let round = 0; round < ROUNDS; round++) {
        // Under a full table no new ones appear, so the rounds are for those in a state that is just passing.
        ended += (await ask('-KHtn', rules)).length
        if ((await ask('-Htn', rules)).length === 0) break
        await wait(ROUND_PAUSE_MS)
      }
      return ended
    },
  }
}

const LIMITS = { timeoutMs: 10_000, maxOutputBytes: 4 * 1024 * 1024 }
const ROUNDS = 5
const ROUND_PAUSE_MS = 50

/** The filter of `ss` for connections to neither the control plane nor this device itself; one argument for each word. */
export const elsewhereFilter = ({ reachable }: IsolationRules, own: readonly string[]): string[] => {
  const kept = [
    ...reachable.map((end) => {
      const { address, port } = canonicalEnd(end)
      return `${bracketed(address)}:${port}`
    }),
    '127.0.0.0/8',
    '[::1]',
    ...own.map((address) => bracketed(canonicalEnd({ address, port: 1 }).address)),
  ]
  const terms = [...new Set(kept)].flatMap((end, at) => [...(at > 0 ? ['or'] : []), 'dst', end])
  return ['state', 'connected', 'exclude', 'time-wait', 'not', '(', ...terms, ')']
}

const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address)

const ownAddresses = () =>
  Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map(({ address }) => address))

/** `ESTAB 0 0 10.0.0.2:22 10.0.0.9:50214 users:(("sshd",pid=7,fd=4))` → `10.0.0.9:50214 (local port 22, sshd)`. */
export const connectionIn = (line: string): string | null => {
  const parts = /^[A-Z0-9-]+\s+\d+\s+\d+\s+(\S+):(\d+)\s+(\S+)\s*(.*)$/.exec(line)
  if (parts === null) return null
  const [, , localPort, remote, rest = ''] = parts
  // The name is whatever the process calls itself.
  const program = /^users:\(\("([^"]{1,64})"/.exec(rest)?.[1]?.replaceAll(/\p{C}/gu, '')
  return `${remote} (local port ${localPort}${program === undefined ? '' : `, ${program}`})`
}
