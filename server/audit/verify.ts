import * as z from 'zod'
import { isSignedBy, keyIdOf } from '../keys/signer.ts'
import { canonicalJson } from './canonical-json.ts'
import { checkpointBody, entryHash, noEntry } from './chain.ts'

/** What the verification of an exported chain found. */
export interface ChainVerdict {
  readonly ok: boolean
  readonly entries: number
  readonly checkpoints: number
  /** Entries after the last checkpoint: bound to the chain, but to no signature. */
  readonly unanchored: number
  /** The last entry that a signature covers; compare it with one noted elsewhere to see that the file was not cut short and closed anew. */
  readonly anchor: { readonly sequence: number; readonly hash: string } | null
  /** Line number, from 1, and a sentence; null when all is well. */
  readonly firstFault: { readonly line: number; readonly what: string } | null
}

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`))
const count = z.int().min(0)

const exportLine = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('header'),
    format: z.literal('recourse audit export'),
    version: z.literal(1),
    keyId: hex(8),
    publicKey: hex(32),
  }),
  z.strictObject({
    type: z.literal('entry'),
    sequence: count,
    at: count,
    actor: z.string(),
    kind: z.string(),
    body: z.string(),
    previous: hex(32),
    hash: hex(32),
  }),
  z.strictObject({
    type: z.literal('checkpoint'),
    sequence: count,
    hash: hex(32),
    at: count,
    keyId: hex(8),
    signature: hex(64),
  }),
  z.strictObject({ type: z.literal('end'), entries: count, checkpoints: count }),
])
type ExportLine = z.infer<typeof exportLine>

/** Longer lines are no export of ours. */
const longestLine = 16 * 1_048_576

/**
 * Verifies an export by itself, with nothing but the public key (32 raw bytes) that one trusts. Reads as it goes; needs memory for one
 * line. Every byte counts: a line that is not in its one canonical form is a fault.
 */
export async function verifyExport(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  publicKey: Uint8Array,
): Promise<ChainVerdict> {
  const state = newState(publicKey)
  let number = 0
  try {
    for await (const bytes of linesOf(chunks)) {
      number++
      state.take(readLine(bytes))
    }
    if (!state.ended()) {
      number++
      throw new Fault('the end line is missing: the file was cut off')
    }
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault
    return { ...state.sums(), ok: false, firstFault: { line: number, what: fault.message } }
  }
  return { ...state.sums(), ok: true, firstFault: null }
}

/** Ends the reading of a file; never leaves this module. */
class Fault extends Error {}

function newState(publicKey: Uint8Array) {
  let begun = false
  let end = false
  let checkpoints = 0
  let last = { sequence: 0, hash: noEntry }
  let anchor: { sequence: number; hash: string } | null = null

  const take = (line: ExportLine): void => {
    if (end) throw new Fault('something follows the end line')
    if (begun === (line.type === 'header')) throw new Fault(begun ? 'a second header' : 'the header is missing')
    switch (line.type) {
      case 'header':
        if (line.publicKey !== Buffer.from(publicKey).toString('hex')) throw new Fault('made with another key')
        if (line.keyId !== keyIdOf(publicKey)) throw new Fault('the key id does not belong to the key')
        begun = true
        return
      case 'entry': {
        const { type: _, hash, ...bare } = line
        if (bare.sequence !== last.sequence + 1) throw new Fault(`entry ${last.sequence + 1} is missing`)
        if (bare.previous !== last.hash) throw new Fault('does not follow the entry before it')
        if (entryHash(bare) !== hash) throw new Fault('does not match its own hash')
        last = { sequence: bare.sequence, hash }
        return
      }
      case 'checkpoint': {
        if (line.keyId !== keyIdOf(publicKey)) throw new Fault('signed with another key')
        if (line.sequence !== last.sequence || line.hash !== last.hash) throw new Fault('signs another entry')
        if (anchor?.sequence === line.sequence) throw new Fault('signs the same entry again')
        const body = checkpointBody(line.sequence, line.hash, line.at)
        if (!isSignedBy(publicKey, 'checkpoint', { body, signature: Buffer.from(line.signature, 'hex') })) {
          throw new Fault('the signature does not hold')
        }
        checkpoints++
        anchor = last
        return
      }
      case 'end':
        if (line.entries !== last.sequence || line.checkpoints !== checkpoints) {
          throw new Fault('the counts of the end line do not match')
        }
        end = true
        return
    }
  }

  return {
    take,
    ended: () => end,
    sums: () => ({ entries: last.sequence, checkpoints, unanchored: last.sequence - (anchor?.sequence ?? 0), anchor }),
  }
}

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readLine(bytes: Uint8Array): ExportLine {
  let value: unknown
  let text: string
  try {
    text = strictText.decode(bytes)
    value = JSON.parse(text)
  } catch {
    throw new Fault('not a line of JSON')
  }
  const line = exportLine.safeParse(value)
  if (!line.success) throw new Fault('not a line of an audit export')
  if (canonicalJson(line.data) !== text) throw new Fault('not written in its canonical form')
  return line.data
}

/** Splits at line feeds; what follows the last one is a fault, because every line ends with one. */
async function* linesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array[] = []
  let restLength = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      yield restLength === 0 ? chunk.subarray(from, at) : Buffer.concat([...rest, chunk.subarray(from, at)])
      rest = []
      restLength = 0
      from = at + 1
    }
    if (from === chunk.length) continue
    rest.push(chunk.subarray(from))
    restLength += chunk.length - from
    if (restLength > longestLine) throw new Fault('a line longer than any of an export')
  }
  if (restLength > 0) {
    yield Buffer.concat(rest)
    throw new Fault('the last line does not end: the file was cut off')
  }
}
