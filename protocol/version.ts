/**
 * The versions of the wire this code speaks, newest first. Each is kept as long as an agent in the field may speak it.
 *
 * - 1 (2026-11-21): orders with Merkle proofs, durable reports with sequence numbers, previews, break-glass grants.
 *   Agents say more of the vault since: the file that evidence is about, and that it was purged. A control plane reads agents that do
 *   not; an agent that does needs one that knows, so the control plane is upgraded first.
 * - 2 (2026-11-21): break-glass grants of version 2, whose hash costs nothing to make.
 *   Said in both: `content` and its two answers, which only an agent that knows `collect-quarantined` begins and only when it was ordered to.
 */
export const protocolVersions = [2, 1] as const

/** The newest version both sides speak, or null. */
export const agreeOn = (theirs: readonly number[]): number | null =>
  protocolVersions.find((version) => theirs.includes(version)) ?? null
