import type { Endpoint } from '../../../protocol/actions/isolate-device.ts'
import type { Evidence } from '../../../protocol/outcome.ts'
import type { Firewall, IsolationState } from '../../host/host.ts'

/** How long one end may take to answer. */
const PROBE_MS = 3_000

/** Those of the ends that take a connection now. */
export const reachedOf = async (firewall: Firewall, ends: readonly Endpoint[]): Promise<Endpoint[]> => {
  const answers = await Promise.all(ends.map((end) => firewall.probe(end, PROBE_MS)))
  return ends.filter((_, at) => answers[at] === 'connected')
}

/** One connection can be lost by chance; a control plane that stays away for several is away. */
export const anyReached = async (firewall: Firewall, ends: readonly Endpoint[], tries: number): Promise<boolean> => {
  for (let left = tries; left > 0; left--) if ((await reachedOf(firewall, ends)).length > 0) return true
  return false
}

/** Proof both ways (ISO2), and of what keeps it so: the rules, and the hold over a restart (ISO3). */
export const proofOf = async (
  firewall: Firewall,
  { reachable, canaries }: { readonly reachable: readonly Endpoint[]; readonly canaries: readonly Endpoint[] },
  nowMs: () => number,
): Promise<Evidence[]> => {
  const rules = { reachable }
  const [state, control, answering, held] = await Promise.all([
    firewall.state(rules),
    reachedOf(firewall, reachable),
    reachedOf(firewall, canaries),
    firewall.heldOverRestart(rules),
  ])
  const at = nowMs()
  const evidence: Evidence[] = [
    {
      subject: 'firewall',
      found:
        canaries.length > 0
          ? tableWords[state]
          : `${tableWords[state]}; the rules alone prove the cut, as no canary answered before`,
      holds: state === 'as-ordered',
      at,
    },
    {
      subject: 'control-plane',
      found: control.length > 0 ? `${namesOf(control)} answers` : `${namesOf(reachable)} does not answer`,
      holds: control.length > 0,
      at,
    },
  ]
  if (canaries.length > 0)
    evidence.push({
      subject: 'canary',
      found:
        answering.length > 0
          ? `${namesOf(answering)} still answers: the device is not cut off from there`
          : `${namesOf(canaries)} answered before and does not now`,
      holds: answering.length === 0,
      at,
    })
  evidence.push({
    subject: 'restart',
    found: held
      ? 'a start of the machine puts it in force before the network comes up'
      : 'nothing puts it in force when the machine starts, until the agent runs',
    holds: held,
    at,
  })
  return evidence
}

export const tableWords: Readonly<Record<IsolationState, string>> = {
  'as-ordered': 'the table is in force exactly as it should be',
  absent: 'there is no table in force',
  altered: 'the table in force is not the one that should be',
}

export const nameOf = ({ address, port }: Endpoint): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** At most a handful by name. */
export const namesOf = (ends: readonly Endpoint[]): string =>
  ends.length <= 6
    ? ends.map(nameOf).join(', ')
    : `${ends.slice(0, 5).map(nameOf).join(', ')} and ${ends.length - 5} more`
