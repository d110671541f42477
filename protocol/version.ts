/**
 * The versions of the wire this code speaks, newest first. Each is kept as long as an agent in the field may speak it.
 *
 * - 1 (2026-11-21): orders with Merkle proofs, durable reports with sequence numbers, previews, break-glass grants.
 */
export const protocolVersions = [1] as const

/** The newest version both sides speak, or null. */
export const agreeOn = (theirs: readonly number[]): number | null =>
  protocolVersions.find((version) => theirs.includes(version)) ?? null
