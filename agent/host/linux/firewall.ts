import { connect } from 'node:net'
import { type Firewall, HostError, type IsolationRules } from '../host.ts'
import { tcpConnections } from './connections.ts'
import { watchTable } from './firewall-watch.ts'
import { canonicalEnd, renderIsolation, renderRelease } from './isolation-table.ts'
import { nftProgram } from './nft.ts'
import { restartHold, unfitForUnit } from './restart-hold.ts'
import { type Programs, systemPrograms } from './run-program.ts'

/**
 * Isolation of a Linux device by a table of its own in nftables (ISO1–ISO4).
 *
 * INVARIANTS
 * - Effects run one after the other, in the order in which they were asked for: what was asked for before a release is over before
 *   the release begins.
 * - Every change of rules is one transaction of nft, which the kernel takes whole or not at all.
 * - Only the table named {@link TABLE} is ever written; the agent's end, however it comes, leaves it standing.
 */
export const linuxFirewall = ({
  stateFolder,
  unitFolder = '/etc/systemd/system',
  systemdMark = '/run/systemd/system',
  programs = systemPrograms(),
}: LinuxFirewallOptions): Firewall => {
  const nft = nftProgram(programs, stateFolder)
  const connections = tcpConnections(programs)
  const overRestart = restartHold(programs, { stateFolder, unitFolder, systemdMark })
  let reference: { transaction: string; listing: string | null } | null = null

  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(effect: () => Promise<T>): Promise<T> => {
    const mine = last.then(effect)
    last = mine.catch(() => undefined)
    return mine
  }

  /** What this nft makes of the rules; kept, because making it takes some ten times as long as a listing. */
  const referenceFor = async (rules: IsolationRules) => {
    const transaction = renderIsolation(rules)
    if (reference?.transaction !== transaction)
      reference = { transaction, listing: await inTurn(() => nft.listingAfter(transaction)) }
    return reference.listing
  }

  return {
    unable: async () => {
      if (process.geteuid?.() !== 0) return { code: 'not_permitted', detail: 'the agent does not run as root' }
      const missing = NEEDED.filter((name) => programs.find(name) === null)
      if (missing.length > 0) return { code: 'tool_missing', detail: `not installed: ${missing.join(', ')}` }
      const unfit = unfitForUnit(stateFolder)
      if (unfit !== null) return { code: 'action_unsupported', detail: unfit }
      try {
        await inTurn(() => nft.listingAfter(renderIsolation(ANY_RULES)))
        return null
      } catch (error) {
        if (error instanceof HostError) return { code: unableCode(error), detail: error.message }
        throw error
      }
    },

    state: async (rules) => {
      const found = await nft.list()
      if (found === null) return 'absent'
      return found === (await referenceFor(rules)) ? 'as-ordered' : 'altered'
    },

    foundTable: async () => {
      const found = await nft.list()
      if (found === null) return null
      // What cannot be put back must not be replaced: tried now, when refusing still costs nothing (ISO4).
      const again =
        found.length > LONGEST_FOUND_TABLE ? null : await inTurn(() => nft.listingAfter(renderRelease(found)))
      if (again !== found)
        throw new HostError('place_taken', 'there is a table with our name that nft cannot put back as it is')
      return found
    },

    isolate: (rules) =>
      inTurn(async () => {
        await nft.load(renderIsolation(rules))
        // A newer nft may write the same table differently; asked anew, an exchanged one costs one repetition and no more.
        reference = null
      }),

    release: (foundTable) => inTurn(() => nft.load(renderRelease(foundTable))),
    endConnections: (rules) => inTurn(() => connections.endElsewhere(rules)),
    connectionsElsewhere: (rules) => connections.elsewhere(rules),
    holdOverRestart: (rules) => inTurn(() => overRestart.hold(rules)),
    forgetOverRestart: () => inTurn(() => overRestart.forget()),
    heldOverRestart: (rules) => Promise.resolve(overRestart.held(rules)),
    watch: (changed) => watchTable(programs, changed),
    probe,
  }
}

export interface LinuxFirewallOptions {
  /** Root's own folder for the rules; it must be there early at a start of the machine. */
  readonly stateFolder: string
  readonly unitFolder?: string
  readonly systemdMark?: string
  readonly programs?: Programs
}

const NEEDED = ['nft', 'ss', 'unshare', 'nsenter', 'cat']
const ANY_RULES: IsolationRules = {
  reachable: [
    { address: '192.0.2.1', port: 443 },
    { address: '2001:db8::1', port: 443 },
  ],
}

/** Rules that this nft or this kernel does not take are no passing failure. */
const unableCode = ({ code }: HostError) => (code === 'tool_failed' ? 'action_unsupported' : code)

/** As many characters as an inverse record takes. */
const LONGEST_FOUND_TABLE = 1_000_000

const probe: Firewall['probe'] = (to, timeoutMs) =>
  new Promise((resolve) => {
    const { family, address, port } = canonicalEnd(to)
    const socket = connect({ host: address, port, family })
    const end = (result: 'connected' | 'unreachable') => {
      clearTimeout(timer)
      socket.destroy()
      resolve(result)
    }
    const timer = setTimeout(() => end('unreachable'), timeoutMs)
    socket.once('connect', () => end('connected'))
    socket.once('error', () => end('unreachable'))
  })
