import { expect, test } from 'vitest'
import { decode, frameLimits } from '../../protocol/codec.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { deviceMessage, type Report } from '../../protocol/messages.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Outbox } from '../core/core.ts'
import { createBackoff } from './backoff.ts'
import { frameOf, startPump } from './pump.ts'

const actionId = '01920000-0000-7000-8000-000000000002' as ActionId
const begun: Report = { kind: 'begun', actionId, at: 1 }

/** An outbox of so many reports. */
function outboxOf(count: number): Outbox & { forgotten: number } {
  const outbox = {
    forgotten: 0,
    after: (sequence: number, limit: number) =>
      Array.from({ length: Math.max(0, Math.min(limit, count - sequence)) }, (_, at) => ({
        sequence: sequence + at + 1,
        report: begun,
      })),
    stored(sequence: number) {
      outbox.forgotten = sequence
    },
    subscribe: () => ({ [Symbol.dispose]: () => undefined }),
  }
  return outbox
}

const sequenceOf = (frame: Uint8Array) => {
  const message = deviceMessage.parse(decode(frame))
  return message.type === 'report' ? message.sequence : 0
}

const trouble = (failure: unknown): never => {
  throw failure
}

test('[JRN6] a disk that takes nothing does not end the link; what could not be forgotten is forgotten later', () => {
  const sent: number[] = []
  const failures: unknown[] = []
  const outbox = outboxOf(1_000)
  const full = new Error('no space')
  let disk: 'full' | 'free' = 'full'
  const { stored } = outbox
  outbox.stored = (sequence) => {
    if (disk === 'full') throw full
    stored(sequence)
  }
  const wire = {
    send: (frame: Uint8Array) => sent.push(sequenceOf(frame)) > 0,
    bufferedBytes: () => 0,
    trouble: (failure: unknown) => void failures.push(failure),
  }
  const pump = startPump(outbox, wire, 10)
  // Its numbers may have to change, and cannot: nothing goes out under the old ones.
  pump.look()
  expect([sent.length, outbox.forgotten]).toEqual([0, 0])
  disk = 'free'
  pump.look()
  expect([sent.length, outbox.forgotten]).toEqual([256, 10])
  disk = 'full'
  pump.stored(20)
  expect([sent.length, outbox.forgotten]).toEqual([266, 10])
  disk = 'free'
  pump.stored(30)
  expect([sent.length, outbox.forgotten]).toEqual([276, 30])
  expect(failures.every((failure) => failure === full)).toBe(true)
})

test('[JRN4] sends from the first that is not stored, in order, and no more than the window unconfirmed', () => {
  const sent: number[] = []
  const outbox = outboxOf(1_000)
  const pump = startPump(
    outbox,
    { send: (frame) => sent.push(sequenceOf(frame)) > 0, bufferedBytes: () => 0, trouble },
    10,
  )
  expect(sent).toEqual(Array.from({ length: 256 }, (_, at) => at + 11))
  pump.stored(20)
  expect([sent.length, outbox.forgotten]).toEqual([266, 20])
  // Older, repeated and impossible acknowledgements change nothing.
  for (const wrong of [15, 20, 100_000]) pump.stored(wrong)
  expect([sent.length, outbox.forgotten]).toEqual([266, 20])
  pump.stop()
  pump.stored(200)
  expect(sent.length).toBe(266)
})

test('what the socket has not taken holds the pump, and goes on when it has', () => {
  let buffered = 0
  const flushes: (() => void)[] = []
  const wire = {
    send: (_frame: Uint8Array, flushed: () => void) => {
      buffered += 400_000
      flushes.push(flushed)
      return true
    },
    bufferedBytes: () => buffered,
    trouble,
  }
  startPump(outboxOf(1_000), wire, 0)
  const first = flushes.length
  expect(first).toBeLessThan(256)
  buffered = 0
  flushes[0]?.()
  expect(flushes.length).toBeGreaterThan(first)
})

test('a report too large for a frame is shortened until it fits, rather than holding up all that follow', () => {
  const evidence = Array.from({ length: 1_000 }, () => ({
    subject: 'file',
    found: 'x'.repeat(4_000),
    holds: true,
    at: 1,
  }))
  const outcome: Outcome = { status: 'succeeded', effect: 'none', evidence, gaps: [], summary: 'done', at: 1 }
  const frame = frameOf(7, { kind: 'ended', actionId, outcome })
  expect(frame.length).toBeLessThanOrEqual(frameLimits.bytes)
  const message = deviceMessage.parse(decode(frame))
  expect(message).toMatchObject({
    type: 'report',
    sequence: 7,
    report: { kind: 'ended', outcome: { summary: 'done' } },
  })
})

test('waits grow by doubling up to a minute, each a random part; a stable connection starts over', () => {
  const backoff = createBackoff(() => 0.999_999)
  const waits = Array.from({ length: 12 }, () => Math.round(backoff.next(false)))
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000])
  backoff.lasted(59_999)
  expect(Math.round(backoff.next(false))).toBe(60_000)
  backoff.lasted(60_000)
  expect(Math.round(backoff.next(false))).toBe(500)
  expect(createBackoff(() => 0).next(false)).toBe(0)
  expect(createBackoff(() => 0).next(true)).toBe(150_000)
})
