import { decode } from '../../protocol/codec.ts'
import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import { type DeviceMessage, deviceMessage } from '../../protocol/messages.ts'

/** What a frame of a device holds. */
export type ReadFrame =
  | { readonly kind: 'message'; readonly message: DeviceMessage }
  /** A message of a type this side does not know. */
  | { readonly kind: 'unknown'; readonly type: string }
  | { readonly kind: 'unreadable'; readonly code: ErrorCode; readonly about: string }

const knownTypes: ReadonlySet<string> = new Set(deviceMessage.options.map(({ shape }) => shape.type.value))
const aboutMost = 64

/** Reads a frame within the limits of the codec and the schema of its type. Never throws, whatever it holds (TRU6). */
export function readFrame(frame: Uint8Array): ReadFrame {
  let value: unknown
  try {
    value = decode(frame)
  } catch (failure) {
    const code = failure instanceof RecourseError ? failure.code : 'frame_malformed'
    return { kind: 'unreadable', code, about: '' }
  }
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null
  if (typeof type !== 'string') return { kind: 'unreadable', code: 'message_malformed', about: '' }
  if (!knownTypes.has(type)) return { kind: 'unknown', type: type.slice(0, aboutMost) }
  const read = deviceMessage.safeParse(value)
  if (!read.success) return { kind: 'unreadable', code: 'message_malformed', about: type }
  return { kind: 'message', message: read.data }
}
