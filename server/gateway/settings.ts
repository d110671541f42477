import type { Rate } from './allowance.ts'

/** What a device may cost, and how long it may be quiet (TRU6). */
export interface GatewayLimits {
  /** Devices that come within so long behind another one are seen to together: at most so much longer do they wait, twice. */
  readonly togetherMs: number
  /** From the end of the handshake to the hello. */
  readonly helloWithinMs: number
  /** A ping goes out after so long; each device has a jitter of a quarter around it. */
  readonly pingEveryMs: number
  /** A device unheard for so long is gone: its connection is half open. */
  readonly silentAfterMs: number
  /** A device that leaves {@link sendBufferBytes} unread for so long is cut off. */
  readonly slowAfterMs: number
  readonly sendBufferBytes: number
  /** Orders on their way to one device that it has not confirmed. */
  readonly ordersInFlight: number
  /** An order unconfirmed for so long is sent again. */
  readonly confirmWithinMs: number
  /** Reports in one transaction. */
  readonly reportsPerBatch: number
  /** Reports that a device may have on their way; more than that is a flood. */
  readonly reportsWaiting: number
  /** That an order arrived or was begun is acknowledged within twice so long, if nothing else is before. */
  readonly acknowledgeEveryMs: number
  /** Bytes of reports that wait for the store before the device is no longer read: for one device, and for all. */
  readonly waitingBytes: number
  readonly waitingBytesOfAll: number
  /** Reports per device; beyond that it is read more slowly. */
  readonly reports: Rate
  readonly bytes: Rate
  /** Everything that is no report; beyond that the device is cut off. */
  readonly others: Rate
  readonly renewals: Rate
  /** Frames that cannot be read before the connection ends. */
  readonly malformed: number
  readonly previewsWaiting: number
  /** A device that stays connected is asked so often whether its break-glass grant is still good for long. */
  readonly grantEveryMs: number
  readonly tickMs: number
}

const mebibyte = 1_048_576

export const defaultLimits: GatewayLimits = {
  togetherMs: 8,
  helloWithinMs: 10_000,
  pingEveryMs: 30_000,
  silentAfterMs: 90_000,
  slowAfterMs: 30_000,
  sendBufferBytes: mebibyte,
  ordersInFlight: 32,
  confirmWithinMs: 60_000,
  reportsPerBatch: 256,
  reportsWaiting: 1_024,
  acknowledgeEveryMs: 2_000,
  waitingBytes: 2 * mebibyte,
  waitingBytesOfAll: 256 * mebibyte,
  reports: { burst: 5_000, perSecond: 1_000 },
  bytes: { burst: 16 * mebibyte, perSecond: 2 * mebibyte },
  others: { burst: 100, perSecond: 5 },
  renewals: { burst: 5, perSecond: 1 / 60 },
  malformed: 5,
  previewsWaiting: 16,
  grantEveryMs: 86_400_000,
  tickMs: 1_000,
}
