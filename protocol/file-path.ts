import * as z from 'zod'

/**
 * The absolute path of a file, as text that can travel in JSON.
 *
 * A path whose bytes are valid UTF-8 is written as itself (`/tmp/x`, `C:\x`). One that is not is written as a
 * `file://` URI (RFC 8089) with its odd bytes percent-encoded, so that every name a Linux file can bear has exactly one text.
 */
export type FilePath = string & z.$brand<'file-path'>

/** What a {@link FilePath} says: the root (`/`, or a drive such as `C:\`) and the bytes of each component below it. */
export interface PathParts {
  readonly root: string
  readonly names: readonly Uint8Array[]
}

const longestPathBytes = 32_767
const longestNameBytes = 255
const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const filePath = z
  .string()
  .max(longestPathBytes * 3)
  .superRefine((text, context) => {
    const parts = partsOf(text)
    if (typeof parts === 'string') context.addIssue({ code: 'custom', message: parts })
    else if (textOf(parts) !== text) context.addIssue({ code: 'custom', message: `write it as ${textOf(parts)}` })
  })
  .brand<'file-path'>()

/** Splits a path into its components. The text must have passed {@link filePath}. */
export const splitPath = (path: FilePath): PathParts => {
  const parts = partsOf(path)
  if (typeof parts === 'string') throw new Error(`unchecked path: ${parts}`)
  return parts
}

/** The one text of a path given by its components. */
export const joinPath = (parts: PathParts): FilePath => textOf(parts) as FilePath

/** A path below another, one component deeper. */
export const childPath = (parent: FilePath, name: Uint8Array | string): FilePath => {
  const { root, names } = splitPath(parent)
  return joinPath({ root, names: [...names, typeof name === 'string' ? encoder.encode(name) : name] })
}

/** Reads a path that a person or a program wrote, in either form. Returns null where it is no absolute, plain path. */
export const toFilePath = (text: string): FilePath | null => {
  const parts = partsOf(text)
  return typeof parts === 'string' ? null : joinPath(parts)
}

/** True when `path` is `folder` or lies below it, compared component by component. */
export const isWithin = (path: FilePath, folder: FilePath): boolean => {
  const inner = splitPath(path)
  const outer = splitPath(folder)
  if (inner.root !== outer.root || inner.names.length < outer.names.length) return false
  return outer.names.every((name, at) => sameBytes(name, inner.names[at]))
}

const sameBytes = (a: Uint8Array, b: Uint8Array | undefined) =>
  b !== undefined && a.length === b.length && a.every((byte, at) => byte === b[at])

function partsOf(text: string): PathParts | string {
  if (text.startsWith('file://')) return partsOfUri(text.slice('file://'.length))
  if (!text.isWellFormed()) return 'not well-formed text; use the file:// form for odd bytes'
  const drive = /^[A-Za-z]:\\/.exec(text)?.[0]
  if (drive !== undefined)
    return checked(
      drive.toUpperCase(),
      text
        .slice(drive.length)
        .split('\\')
        .map((name) => encoder.encode(name)),
    )
  if (!text.startsWith('/')) return 'not an absolute path'
  return checked(
    '/',
    text
      .slice(1)
      .split('/')
      .map((name) => encoder.encode(name)),
  )
}

function partsOfUri(rest: string): PathParts | string {
  if (!rest.startsWith('/')) return 'not an absolute file:// path'
  const names: Uint8Array[] = []
  for (const part of rest.slice(1).split('/')) {
    if (!/^(?:[\x21-\x24\x26-\x7e]|%[0-9A-F]{2})*$/.test(part))
      return 'odd characters in a file:// path must be percent-encoded, in upper case'
    names.push(
      Uint8Array.from(part.match(/%..|./g) ?? [], (piece) =>
        piece.length === 3 ? Number.parseInt(piece.slice(1), 16) : piece.charCodeAt(0),
      ),
    )
  }
  return checked('/', names)
}

function checked(root: string, names: Uint8Array[]): PathParts | string {
  const separator = root === '/' ? 0x2f : 0x5c
  let total = 0
  for (const name of names) {
    total += name.length + 1
    if (name.length === 0) return 'an empty component (a doubled or trailing slash)'
    if (name.length > longestNameBytes) return `a component longer than ${longestNameBytes} bytes`
    if (name.includes(0)) return 'a zero byte'
    if (name.includes(separator)) return 'a separator inside a component'
    if (isDots(name)) return 'a . or .. component'
  }
  return total > longestPathBytes ? 'too long' : { root, names }
}

const isDots = (name: Uint8Array) => name.length <= 2 && name.every((byte) => byte === 0x2e)

function textOf({ root, names }: PathParts): string {
  const texts = names.map(asUtf8)
  if (texts.every((text) => text !== null)) return root + texts.join(root === '/' ? '/' : '\\')
  return `file://${names.map((name) => `/${[...name].map(percent).join('')}`).join('')}`
}

function asUtf8(name: Uint8Array): string | null {
  try {
    return strictDecoder.decode(name)
  } catch {
    return null
  }
}

/** Unreserved characters of RFC 3986 stand for themselves. */
const percent = (byte: number) =>
  /[A-Za-z0-9._~-]/.test(String.fromCharCode(byte))
    ? String.fromCharCode(byte)
    : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
