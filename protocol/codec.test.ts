import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode, frameLimits, type Limits } from './codec.ts'
import { RecourseError } from './errors.ts'

/** What travels: the values that {@link encode} promises to carry. */
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 8 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 8, noNullPrototype: true },
    ),
  ),
})).value

const codeOf = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    if (error instanceof RecourseError) return error.code
    throw error
  }
  return 'read'
}

/** Buffers that come back are views; compare them as the bytes they are. */
const bare = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bare(inner)]))
  return value
}

const nested = (depth: number): Uint8Array => Uint8Array.of(...Array.from({ length: depth }, () => 0x91), 0xc0)

describe('frames', () => {
  test('[TRU6] whatever may travel comes back as it was sent', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(bare(decode(encode(value)))).toEqual(bare(value))
      }),
    )
  })

  test.each([
    ['one byte more than allowed', new Uint8Array(frameLimits.bytes + 1), 'frame_too_large'],
    ['no byte at all', new Uint8Array(), 'frame_malformed'],
    ['a value and then another', Uint8Array.of(0xc0, 0xc0), 'frame_malformed'],
    ['one level deeper than allowed', nested(frameLimits.depth + 1), 'frame_malformed'],
    [
      'an array that claims four thousand million values',
      Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff),
      'frame_malformed',
    ],
    [
      'a text that claims more bytes than there are',
      Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff, 0x61),
      'frame_malformed',
    ],
    ['a number cut in its middle', Uint8Array.of(0xcf, 1, 2, 3), 'frame_malformed'],
    ['an extension type', Uint8Array.of(0xd4, 0x01, 0x00), 'frame_malformed'],
    ['a timestamp extension', Uint8Array.of(0xd6, 0xff, 0, 0, 0, 0), 'frame_malformed'],
    ['the reserved byte', Uint8Array.of(0xc1), 'frame_malformed'],
    ['a map with a number for a key', Uint8Array.of(0x81, 0x01, 0x02), 'frame_malformed'],
    [
      'a map that reaches for the prototype',
      Uint8Array.of(0x81, 0xa9, ...new TextEncoder().encode('__proto__'), 0x80),
      'frame_malformed',
    ],
  ])('[TRU6] %s is refused before anything is built', (_, frame, code) => {
    expect(codeOf(() => decode(frame))).toBe(code)
  })

  test('[TRU6] exactly as deep and as rich as allowed is read', () => {
    const limits: Limits = { bytes: 100, depth: 3, values: 5 }
    expect(decode(nested(3), limits)).toEqual([[[null]]])
    expect(decode(Uint8Array.of(0x94, 1, 2, 3, 4), limits)).toEqual([1, 2, 3, 4])
    expect(codeOf(() => decode(Uint8Array.of(0x95, 1, 2, 3, 4, 5), limits))).toBe('frame_malformed')
  })

  test('[TRU6] a good frame with any one byte changed is read or refused, never worse', () => {
    const frame = encode({
      type: 'report',
      sequence: 7,
      report: { kind: 'begun', actionId: 'x', at: 1 },
      tail: [1.5, null, true, new Uint8Array(9)],
    })
    for (let at = 0; at < frame.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = Uint8Array.from(frame)
        changed[at] = byte
        expect(['read', 'frame_malformed']).toContain(codeOf(() => decode(changed)))
      }
    }
  })
})
