import { encode, frameLimits } from '../../protocol/codec.ts'
import type { Report } from '../../protocol/messages.ts'
import type { Outbox } from '../core/core.ts'

/*
 * INVARIANTS
 * - Reports go out in the order of their numbers, each once per connection, from the first that the control plane has not stored (JRN4).
 * - Nothing is forgotten before `stored` said so.
 * - At most `window` reports are unconfirmed, and what the socket has not taken yet is bounded: a slow link holds the pump, not the memory.
 */

export interface Wire {
  /** The outbox could not be read or written; what lies in it is sent and forgotten later. */
  trouble(failure: unknown): void
  /** False when the connection is gone. `flushed` is called when the socket has taken it. */
  send(frame: Uint8Array, flushed: () => void): boolean
  bufferedBytes(): number
}

const window = 256
const bufferBytes = 1_048_576
const chunk = 64

export interface Pump {
  /** The control plane has everything up to here. */
  stored(sequence: number): void
  /** Goes on with what a failing disk held up; to be called now and then. */
  look(): void
  stop(): void
}

/** Sends what lies in the outbox, and goes on as more comes in and room comes free. */
export function startPump(outbox: Outbox, wire: Wire, stored: number): Pump {
  let confirmed = stored
  let sent = stored
  let stopped = false
  let pumping = false
  let again = false
  /** True when the socket had too much unsent: the next frame it has taken goes on. */
  let held = false
  /** A disk that takes nothing must not end the link: what cannot be forgotten now is forgotten with a later number (JRN6). */
  const forget = (sequence: number): boolean => {
    try {
      outbox.stored(sequence)
      return true
    } catch (failure) {
      wire.trouble(failure)
      return false
    }
  }
  /**
   * Whether the outbox counts as the control plane does. One that remembers less than was stored gives its reports other numbers when it is told;
   * until that is on the disk, nothing is sent under the old ones.
   */
  let inStep = forget(stored)

  const step = (): boolean => {
    const room = window - (sent - confirmed)
    held = wire.bufferedBytes() > bufferBytes
    if (stopped || held || room <= 0) return false
    inStep ||= forget(stored)
    if (!inStep) return false
    const next = outbox.after(sent, Math.min(room, chunk))
    for (const { sequence, report } of next) {
      if (stopped) return false
      sent = sequence
      if (!wire.send(frameOf(sequence, report), flushed)) return false
    }
    return next.length > 0
  }
  const flushed = () => {
    if (held) pump()
  }
  // A send may call back at once, and a listener may be called from inside: one loop, however it was reached.
  function pump(): void {
    again = true
    if (pumping) return
    pumping = true
    try {
      while (again) {
        again = false
        while (step());
      }
    } catch (failure) {
      // The listener of the outbox is called by whoever has just written a report; it must not pay for a failure here.
      wire.trouble(failure)
    } finally {
      pumping = false
    }
  }
  const subscription = outbox.subscribe(pump)
  pump()
  return {
    stored(sequence) {
      if (sequence <= confirmed || sequence > sent) return
      confirmed = sequence
      forget(sequence)
      pump()
    },
    look() {
      if (!inStep) pump()
    },
    stop() {
      stopped = true
      subscription[Symbol.dispose]()
    },
  }
}

/**
 * The frame of a report. One that is larger than a frame may be would be refused for ever and hold up all that follow: its lists are halved until
 * it fits; what is on the device stays whole.
 */
export function frameOf(sequence: number, report: Report): Uint8Array {
  let said = report
  let frame = encode({ type: 'report', sequence, report: said })
  while (frame.length > frameLimits.bytes) {
    const shorter = halved(said)
    if (shorter === null) throw new Error(`report ${sequence} (${report.kind}) does not fit into a frame`)
    said = shorter
    frame = encode({ type: 'report', sequence, report: said })
  }
  return frame
}

const half = <T>(list: readonly T[]): T[] => list.slice(0, Math.floor(list.length / 2))

/** The report with half of its longest lists, or null when it has none left. */
function halved(report: Report): Report | null {
  switch (report.kind) {
    case 'received':
    case 'begun':
    case 'cancel-answer':
    // The core keeps this one short enough; half a statement would say that the other half is not in force.
    case 'in-force':
      return null
    case 'effect':
      return report.evidence.length === 0 ? null : { ...report, evidence: half(report.evidence) }
    case 'alert':
      return report.evidence.length + report.reasons.length === 0
        ? null
        : { ...report, evidence: half(report.evidence), reasons: half(report.reasons) }
    case 'ended': {
      const { outcome } = report
      if ('evidence' in outcome && outcome.evidence.length > 0)
        return { ...report, outcome: { ...outcome, evidence: half(outcome.evidence) } }
      if ('drift' in outcome && outcome.drift.length > 0)
        return { ...report, outcome: { ...outcome, drift: half(outcome.drift) } }
      return null
    }
  }
}
