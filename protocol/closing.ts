/**
 * Why the control plane ends a device's connection, as WebSocket close codes (RFC 6455 §7.4: 4000 to 4999 are the application's).
 * A device comes back after each of them; after those of {@link lasting} it takes its time, because nothing will have changed soon.
 */
export const closing = {
  /** The service stops or restarts. */
  goingAway: 1001,
  /** A fault of the service. */
  fault: 1011,
  /** A newer connection of the same device took its place. */
  replaced: 4001,
  revoked: 4002,
  /** No version of the protocol in common. */
  protocol: 4003,
  flooded: 4004,
  malformed: 4005,
  /** No hello, or nothing heard for too long. */
  silent: 4006,
  /** The device does not read what it is sent. */
  slow: 4007,
  /** The certificate it came with has expired. */
  expired: 4008,
} as const
export type Closing = keyof typeof closing

export const lasting: ReadonlySet<number> = new Set([closing.replaced, closing.revoked, closing.protocol])
