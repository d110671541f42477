/**
 * Verifies an exported audit chain in the browser, with nothing of the server's but the file and a public key (AUD1). It follows the
 * format of `docs/spec.md`, and is written apart from the code that writes the chain: a fault there would not be repeated here.
 */
export interface ChainReport {
  readonly ok: boolean
  readonly entries: number
  readonly checkpoints: number
  /** Entries behind the last signature: chained, but not signed yet. */
  readonly unsigned: number
  readonly last: { readonly sequence: number; readonly hash: string } | null
  readonly keyId: string | null
  /** Line from 1, and what is wrong there. */
  readonly fault: { readonly line: number; readonly what: string } | null
}

type Line = Readonly<Record<string, unknown>>

/** A public key as this browser holds it. */
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const text = new TextEncoder()
const nothingBefore = '0'.repeat(64)
const progressEvery = 500

const fromHex = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const toHex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')

const digest = (bytes: Uint8Array<ArrayBuffer>) => crypto.subtle.digest('SHA-256', bytes)

/** Every field behind its length as eight bytes, so that no two entries have one encoding. */
function encoded(fields: readonly string[]): Uint8Array<ArrayBuffer> {
  const parts = fields.map((field) => text.encode(field))
  const all = new Uint8Array(parts.reduce((sum, part) => sum + 8 + part.length, 0))
  const view = new DataView(all.buffer)
  let at = 0
  for (const part of parts) {
    view.setBigUint64(at, BigInt(part.length))
    all.set(part, at + 8)
    at += 8 + part.length
  }
  return all
}

const hashOfEntry = async (entry: Line): Promise<string> =>
  toHex(
    await digest(
      encoded([
        'recourse audit entry v1',
        String(entry.sequence),
        String(entry.at),
        String(entry.actor),
        String(entry.kind),
        String(entry.body),
        String(entry.previous),
      ]),
    ),
  )

async function isSigned(key: Key, { sequence, hash, at, signature }: Line): Promise<boolean> {
  const body = JSON.stringify({ at, hash, sequence, v: 1 })
  return crypto.subtle.verify(
    'Ed25519',
    key,
    fromHex(String(signature)),
    text.encode(`recourse audit checkpoint v1\0${body}`),
  )
}

/** Reads the lines as they come; `trusted` is the public key one trusts, 64 hex digits. */
export async function verifyChain(
  lines: AsyncIterable<string>,
  trusted: string,
  progress: (entries: number) => void,
): Promise<ChainReport> {
  const key = await crypto.subtle.importKey('raw', fromHex(trusted), 'Ed25519', false, ['verify'])
  const keyId = toHex(await digest(fromHex(trusted))).slice(0, 16)
  let number = 0
  let checkpoints = 0
  let signed = 0
  let ended = false
  let last = { sequence: 0, hash: nothingBefore }
  const report = (what: string | null): ChainReport => ({
    ok: what === null,
    entries: last.sequence,
    checkpoints,
    unsigned: last.sequence - signed,
    last: last.sequence === 0 ? null : last,
    keyId,
    fault: what === null ? null : { line: number, what },
  })
  for await (const raw of lines) {
    number++
    let line: Line
    try {
      line = JSON.parse(raw) as Line
    } catch {
      return report('is not a line of JSON')
    }
    if (ended) return report('follows the end line')
    if ((line.type === 'header') !== (number === 1)) return report('stands where the header should')
    switch (line.type) {
      case 'header':
        if (line.format !== 'recourse audit export' || line.version !== 1) return report('is no header of a chain')
        if (line.publicKey !== trusted || line.keyId !== keyId)
          return report('was made with another key than this server shows')
        break
      case 'entry': {
        if (line.sequence !== last.sequence + 1)
          return report(`is entry ${String(line.sequence)}; entry ${last.sequence + 1} is missing`)
        if (line.previous !== last.hash) return report('does not follow the entry before it')
        const hash = await hashOfEntry(line)
        if (hash !== line.hash) return report('does not match its own hash: it was changed')
        last = { sequence: last.sequence + 1, hash }
        if (last.sequence % progressEvery === 0) progress(last.sequence)
        break
      }
      case 'checkpoint':
        if (line.sequence !== last.sequence || line.hash !== last.hash)
          return report('signs another entry than the one before it')
        if (line.keyId !== keyId || !(await isSigned(key, line)))
          return report('carries a signature that does not hold')
        checkpoints++
        signed = last.sequence
        break
      case 'end':
        if (line.entries !== last.sequence || line.checkpoints !== checkpoints)
          return report('counts otherwise than the file')
        ended = true
        break
      default:
        return report('is of an unknown kind')
    }
  }
  number++
  return report(ended ? null : 'is missing: the file was cut off')
}

/** The lines of a download, as they arrive. */
export async function* linesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
  if (rest !== '') yield rest
}
