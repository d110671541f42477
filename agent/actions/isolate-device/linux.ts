import type { InverseOf } from '../../../protocol/action-spec.ts'
import type { Catalogue } from '../../../protocol/actions/index.ts'
import type { Endpoint } from '../../../protocol/actions/isolate-device.ts'
import { RecourseError } from '../../../protocol/errors.ts'
import type { Gap } from '../../../protocol/outcome.ts'
import { type Bench, defineImpl, type Prepared } from '../../core/action.ts'
import { type Firewall, HostError } from '../../host/host.ts'
import { holdIsolation } from './hold.ts'
import { anyReached, namesOf, proofOf, reachedOf, tableWords } from './proof.ts'

/**
 * Cuts the device off (ISO1–ISO4).
 *
 * Two isolations of one device at a time are for the core to keep apart, which alone knows what is in force: it must not let a second
 * order begin while the effect of a first stands (`target_in_use`), or, if it lets the newer take over, the older's record stays the
 * one to release by. What `prepare` sees of the first is a table that is exactly as it would write it. It takes that for nobody's
 * (an isolation whose record was lost, say, with the agent's disk), and takes it over with a record that releases it: answering
 * “already so” would leave a device that nobody can release.
 */
export const linux = defineImpl('isolate-device', {
  prepare: async (bench) => {
    try {
      return await prepare(bench)
    } catch (error) {
      if (error instanceof HostError) return refused(error.code, error.message)
      throw error
    }
  },

  /**
   * The order: cut first, since a threat counts in milliseconds; then prove that the control plane still answers, and take it back
   * at once if not; then end connections; last the hold over a restart. So nothing lasts that was not proven: cut off anywhere
   * before the end, a restart of the machine frees it, and the agent, which finds its record, does all of it again.
   */
  apply: async (bench, _params, { reachable, canaries, foundTable }) => {
    const { firewall } = bench.host
    const rules = { reachable }
    // Held means that an earlier run had got past the proof. When the agent goes on with it early in a start of the machine, the
    // network may not be there yet, which says nothing against the isolation.
    const proven = await firewall.heldOverRestart(rules)
    await firewall.isolate(rules)
    if (!proven && !(await anyReached(firewall, reachable, CONTROL_PLANE_TRIES))) {
      await firewall.release(foundTable)
      throw new RecourseError(
        'effect_unproven',
        `isolated, the device no longer reached ${namesOf(reachable)}; the isolation was taken back`,
      )
    }
    const ended = await firewall.endConnections(rules)
    const left = (await firewall.connectionsElsewhere(rules)).length
    const gaps: Gap[] = []
    if (left > 0) gaps.push({ what: 'connections', why: `${left} could not be ended; nothing passes through them` })
    if (canaries.length === 0) gaps.push(NO_CANARY)
    const unheld = await holdOverRestart(bench, reachable)
    if (unheld !== null) gaps.push(unheld)
    return { summary: `The device was isolated; ${ended} connections were ended.`, gaps }
  },

  verify: async (bench, _params, inverse) => proofOf(bench.host.firewall, inverse, () => bench.nowMs()),

  compare: async ({ host: { firewall } }, { reachable, foundTable }) => {
    if (await firewall.heldOverRestart({ reachable })) return { kind: 'as-left' }
    const back = await isBack(firewall, foundTable)
    // Whatever else somebody made of our table, taking it away is safe: it is no one else's name. A release is never held up by it.
    return back
      ? { kind: 'as-found', found: 'the device is not isolated: its firewall is as it was before' }
      : { kind: 'as-left' }
  },

  /** The opposite order of `apply`: what makes it last goes first, so that a cut in between ends with a free device. */
  revert: async ({ host: { firewall } }, { reachable, foundTable }) => {
    const changed = (await firewall.state({ reachable })) === 'altered' && !(await isBack(firewall, foundTable))
    await firewall.forgetOverRestart()
    await firewall.release(foundTable)
    const gaps: Gap[] = changed
      ? [{ what: 'firewall table', why: 'somebody had changed the table of the isolation; their change went with it' }]
      : []
    return {
      summary:
        foundTable === null
          ? 'The device was released.'
          : 'The device was released and the table found before put back.',
      gaps,
    }
  },

  verifyReverted: async (bench, { reachable, foundTable }) => {
    const { firewall } = bench.host
    const back = await isBack(firewall, foundTable)
    const held = await firewall.heldOverRestart({ reachable })
    const at = bench.nowMs()
    return [
      {
        subject: 'firewall',
        found: back
          ? foundTable === null
            ? 'the table of the isolation is gone'
            : 'the table found before is in force again'
          : `it is not as it was before: ${tableWords[await firewall.state({ reachable })]}`,
        holds: back,
        at,
      },
      {
        subject: 'restart',
        found: held ? 'a start of the machine would isolate it again' : 'a start of the machine leaves it free',
        holds: !held,
        at,
      },
    ]
  },

  putsBack: ({ foundTable }) => [
    'The device reaches the network again; connections that were ended do not come back by themselves.',
    ...(foundTable === null ? [] : ['The firewall table that was found under our name is loaded again.']),
  ],

  hold: (bench, { reachable }, tampered) => holdIsolation(bench, { reachable }, tampered),
})

type Preparation = Prepared<InverseOf<Catalogue['isolate-device']>>

const CONTROL_PLANE_TRIES = 3

/** As many as the record takes. */
const MOST_ENDS = 64
const MOST_CANARIES = 16
const MOST_NAMED_CONNECTIONS = 200

const NO_CANARY: Gap = {
  what: 'proof of the cut',
  why: 'no canary answered before, so none that is silent now proves anything; the rules alone do',
}

const refused = (code: RecourseError['code'], detail: string): Preparation => ({ kind: 'refused', code, detail })

/** Only reads, besides opening and closing a connection to the control plane and to each canary. */
const prepare = async ({ host: { firewall }, bounds }: Bench): Promise<Preparation> => {
  const reachable = bounds.controlPlane.slice(0, MOST_ENDS)
  const unable = await firewall.unable()
  if (unable !== null) return refused(unable.code, unable.detail)
  if (reachable.length === 0)
    return refused('control_plane_unreachable', 'the agent knows no address of its control plane')
  const [answering, canaries] = await Promise.all([
    reachedOf(firewall, reachable),
    reachedOf(firewall, bounds.canaries.slice(0, MOST_CANARIES)),
  ])
  if (answering.length === 0)
    return refused(
      'control_plane_unreachable',
      `${namesOf(reachable)} does not answer; the device would be cut off for good`,
    )

  const rules = { reachable }
  const isolated = (await firewall.state(rules)) === 'as-ordered'
  const foundTable = isolated ? null : await firewall.foundTable()
  const connections = await firewall.connectionsElsewhere(rules)
  const silent = bounds.canaries.filter((canary) => !canaries.includes(canary))

  const would = [
    `Cut every connection except to ${namesOf(reachable)}, loopback, neighbour discovery and DHCP; names are no longer resolved.`,
    canaries.length > 0
      ? `Prove it by ${namesOf(canaries)}, which answers now and must not answer then.`
      : `Prove it by the rules alone: ${silent.length > 0 ? `${namesOf(silent)} does not answer now either` : 'no canary is named'}.`,
    'Hold it over restarts of the agent and of the machine until it is released.',
  ]
  const hurts = connections
    .slice(0, MOST_NAMED_CONNECTIONS)
    .map((end) => ({ what: end.slice(0, 256), detail: 'This connection would be ended.' }))
  const unnamed = connections.length - hurts.length
  if (unnamed > 0) hurts.push({ what: `${unnamed} more connections`, detail: 'They would be ended.' })
  const gaps: Gap[] = []
  if (connections.length > 0) gaps.push({ what: 'connections', why: 'what is ended does not come back by itself' })
  if (foundTable !== null) {
    would.push('Replace a firewall table that already has our name; the release puts it back.')
    gaps.push({ what: 'firewall table', why: 'the counters of the table found begin at zero again' })
  }
  if (isolated) would.push('Take over an isolation that is in force already and that no record accounts for.')
  return {
    kind: 'ready',
    inverse: { v: 1, reachable, canaries, foundTable },
    resources: ['network'],
    touches: [],
    impact: { would, hurts, gaps },
  }
}

/** What could not be done to hold it, or null. Without systemd the isolation stands all the same, and the outcome says what it lacks. */
const holdOverRestart = async ({ host: { firewall } }: Bench, reachable: readonly Endpoint[]): Promise<Gap | null> => {
  try {
    await firewall.holdOverRestart({ reachable })
    return null
  } catch (error) {
    if (error instanceof HostError && error.code === 'tool_missing')
      return { what: 'hold over a restart', why: error.message }
    throw error
  }
}

/** The firewall is as it was found. A table that could not be put back is certainly another one. */
const isBack = async (firewall: Firewall, foundTable: string | null): Promise<boolean> => {
  try {
    return (await firewall.foundTable()) === foundTable
  } catch (error) {
    if (error instanceof HostError && error.code === 'place_taken') return false
    throw error
  }
}
