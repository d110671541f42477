import { type EntryName, HostError, type HostErrorCode } from '../host.ts'

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
/** The bytes of one component of a path. */
export const name = (text: string): EntryName => bytes(text)
export const text = (content: Uint8Array): string => new TextDecoder().decode(content)

/** What a call must throw: a HostError with this code. */
export const code = (expected: HostErrorCode) => ({
  asymmetricMatch: (thrown: unknown): boolean => thrown instanceof HostError && thrown.code === expected,
  toString: () => `HostError ${expected}`,
})
