import { Packr } from 'msgpackr'
import { RecourseError } from './errors.ts'

/** What a frame may cost before anything is built from it (TRU6). */
export interface Limits {
  /** Size of the whole frame. */
  readonly bytes: number
  /** Arrays and maps inside one another. */
  readonly depth: number
  /** Values in all, keys included. */
  readonly values: number
}

export const frameLimits: Limits = { bytes: 1_048_576, depth: 16, values: 100_000 }

/** For what this agent itself has written to its journal: an inverse record may be larger than a frame. */
export const recordLimits: Limits = { bytes: 64 * 1_048_576, depth: 16, values: 2_000_000 }

const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  int64AsType: 'number',
  useBigIntExtension: false,
  moreTypes: false,
})

/** MessagePack of plain values: null, booleans, safe integers, doubles, text, bytes, arrays, objects with text keys. */
export const encode = (value: unknown): Uint8Array => packr.pack(value)

/**
 * Reads what {@link encode} wrote. The bytes are first walked without building anything; a frame that is too large, too deep, too
 * rich, cut short, followed by more, or that uses extensions or keys that are no text, is a RecourseError
 * (`frame_too_large`, `frame_malformed`).
 */
export function decode(frame: Uint8Array, limits: Limits = frameLimits): unknown {
  if (frame.length > limits.bytes)
    throw new RecourseError('frame_too_large', `${frame.length} bytes, ${limits.bytes} allowed`)
  const fault = faultOf(frame, limits)
  if (fault !== null) throw new RecourseError('frame_malformed', fault)
  return packr.unpack(frame)
}

/** Walks the frame with a stack of what is still to come; says what is wrong, or null. Time and memory are bounded by the limits. */
function faultOf(frame: Uint8Array, limits: Limits): string | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  /** One entry per open array or map: values left in it, and whether keys are due at even counts. */
  const open: { left: number; map: boolean }[] = [{ left: 1, map: false }]
  let at = 0
  let values = 0
  while (true) {
    let top = open.at(-1)
    while (top !== undefined && top.left === 0) {
      open.pop()
      top = open.at(-1)
    }
    if (top === undefined) return at === frame.length ? null : 'bytes after the end'
    if (++values > limits.values) return `more than ${limits.values} values`
    if (at >= frame.length) return 'cut short'
    const head = frame[at] as number
    const keyDue = top.map && top.left % 2 === 0
    top.left--
    const read = shapeOf(head, view, at)
    if (typeof read === 'string') return read
    if (keyDue && read.kind !== 'text') return 'a key that is no text'
    if (keyDue && isProtoKey(frame, at, read.next)) return 'a forbidden key'
    at = read.next
    if (at > frame.length) return 'cut short'
    if (read.children === 0) continue
    // A container of n children needs at least n bytes: a lying length ends here, before any memory is asked for.
    if (read.children > frame.length - at) return 'cut short'
    if (open.length > limits.depth) return `deeper than ${limits.depth}`
    open.push({ left: read.children, map: read.kind === 'map' })
  }
}

interface Shape {
  readonly kind: 'scalar' | 'text' | 'array' | 'map'
  /** Where the next value begins. */
  readonly next: number
  readonly children: number
}

const scalar = (next: number): Shape => ({ kind: 'scalar', next, children: 0 })
const text = (next: number): Shape => ({ kind: 'text', next, children: 0 })

/** The shape of the value at `at` by the MessagePack specification, or what is wrong with it. */
function shapeOf(head: number, view: DataView, at: number): Shape | string {
  const length = (size: 1 | 2 | 4): number => {
    if (at + 1 + size > view.byteLength) return Number.POSITIVE_INFINITY
    return size === 1 ? view.getUint8(at + 1) : size === 2 ? view.getUint16(at + 1) : view.getUint32(at + 1)
  }
  if (head <= 0x7f || head >= 0xe0) return scalar(at + 1)
  if (head <= 0x8f) return { kind: 'map', next: at + 1, children: (head & 0x0f) * 2 }
  if (head <= 0x9f) return { kind: 'array', next: at + 1, children: head & 0x0f }
  if (head <= 0xbf) return text(at + 1 + (head & 0x1f))
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return scalar(at + 1)
    case 0xc4:
      return scalar(at + 2 + length(1))
    case 0xc5:
      return scalar(at + 3 + length(2))
    case 0xc6:
      return scalar(at + 5 + length(4))
    case 0xca:
    case 0xce:
    case 0xd2:
      return scalar(at + 5)
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return scalar(at + 9)
    case 0xcc:
    case 0xd0:
      return scalar(at + 2)
    case 0xcd:
    case 0xd1:
      return scalar(at + 3)
    case 0xd9:
      return text(at + 2 + length(1))
    case 0xda:
      return text(at + 3 + length(2))
    case 0xdb:
      return text(at + 5 + length(4))
    case 0xdc:
      return { kind: 'array', next: at + 3, children: length(2) }
    case 0xdd:
      return { kind: 'array', next: at + 5, children: length(4) }
    case 0xde:
      return { kind: 'map', next: at + 3, children: length(2) * 2 }
    case 0xdf:
      return { kind: 'map', next: at + 5, children: length(4) * 2 }
    default:
      return 'an extension or reserved type'
  }
}

/** `__proto__` as a key would reach the prototype of what is built. */
const isProtoKey = (frame: Uint8Array, from: number, to: number): boolean =>
  to <= frame.length && to - from >= 9 && protoBytes.every((byte, at) => frame[to - 9 + at] === byte)

const protoBytes = new TextEncoder().encode('__proto__')
