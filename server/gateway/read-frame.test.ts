import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { encode } from '../../protocol/codec.ts'
import { readFrame } from './read-frame.ts'

test('[TRU6] no bytes make the reader throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.anything().map(encoded)), (frame) => {
      expect(['message', 'unknown', 'unreadable']).toContain(readFrame(frame).kind)
    }),
    { numRuns: 2_000 },
  )
})

test('what is said back about a message of an unknown type is short', () => {
  expect(readFrame(encode({ type: 'x'.repeat(10_000) }))).toEqual({ kind: 'unknown', type: 'x'.repeat(64) })
})

test('a type that every object has is no type', () => {
  expect(readFrame(encode({ type: 'constructor' }))).toMatchObject({ kind: 'unknown' })
  expect(readFrame(encode({ type: 'hello' }))).toEqual({
    kind: 'unreadable',
    code: 'message_malformed',
    about: 'hello',
  })
})

/** Values that the codec cannot say are the codec's own business. */
function encoded(value: unknown): Uint8Array {
  try {
    return encode({ type: 'report', sequence: 1, report: value })
  } catch {
    return new Uint8Array()
  }
}
