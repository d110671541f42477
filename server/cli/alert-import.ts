import type { AlertIn } from '../alerts/alert.ts'
import type { Mapped } from '../alerts/formats/mapped.ts'

/** One line of a file, or why it is none. */
export type Line =
  | { readonly number: number; readonly text: string /** Whether a line end follows. */; readonly whole: boolean }
  | { readonly number: number; readonly tooLong: true }

const newline = 0x0a

/** Cuts a stream into lines, keeping no more than one of them in memory. A line longer than `longest` bytes is passed over. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []
  let size = 0
  let number = 1
  const take = (whole: boolean): Line => {
    const line: Line =
      size > longest
        ? { number, tooLong: true }
        : { number, text: Buffer.concat(parts).toString('utf8').replace(/\r$/, ''), whole }
    parts = []
    size = 0
    number++
    return line
  }
  const keep = (bytes: Uint8Array) => {
    size += bytes.length
    if (size > longest) parts = []
    else if (bytes.length > 0) parts.push(bytes)
  }
  for await (const chunk of stream) {
    let from = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      keep(chunk.subarray(from, end))
      yield take(true)
      from = end + 1
    }
    keep(chunk.subarray(from))
  }
  if (size > 0) yield take(false)
}

/** What the control plane said of one alert. */
export interface Answer {
  readonly ok: boolean
  readonly alreadyKnown?: boolean | undefined
  readonly detail?: string | undefined
}

export interface ImportSummary {
  readonly lines: number
  readonly fresh: number
  readonly alreadyKnown: number
  readonly problems: readonly { readonly line: number; readonly why: string }[]
  readonly problemCount: number
}

const most = { alerts: 200, bytes: 700_000, problemsKept: 1_000 }

/**
 * Brings the lines in, a few hundred at a time and in their order. It may be cut off anywhere and run again over the same file: what
 * is there already is known by its key. A line that is no alert is named and passed over.
 */
export async function importAlerts(
  lines: AsyncIterable<Line>,
  read: (record: unknown) => Mapped,
  send: (alerts: readonly AlertIn[]) => Promise<readonly Answer[]>,
  progress: (lines: number) => void = () => undefined,
): Promise<ImportSummary> {
  const problems: { line: number; why: string }[] = []
  let problemCount = 0
  const counts = { lines: 0, fresh: 0, alreadyKnown: 0 }
  const problem = (line: number, why: string) => {
    problemCount++
    if (problems.length < most.problemsKept) problems.push({ line, why })
  }
  let waiting: { line: number; alert: AlertIn }[] = []
  let bytes = 0
  const flush = async () => {
    if (waiting.length === 0) return
    const answers = await send(waiting.map((it) => it.alert))
    for (const [at, { line }] of waiting.entries()) {
      const answer = answers[at]
      if (answer === undefined) problem(line, 'the control plane did not answer for it')
      else if (!answer.ok) problem(line, answer.detail ?? 'refused')
      else if (answer.alreadyKnown) counts.alreadyKnown++
      else counts.fresh++
    }
    waiting = []
    bytes = 0
    progress(counts.lines)
  }
  for await (const line of lines) {
    counts.lines++
    if ('tooLong' in line) {
      problem(line.number, 'longer than any alert can be')
      continue
    }
    if (line.text.trim() === '') continue
    const found = parse(line.text, line.whole, read)
    if (!found.ok) {
      problem(line.number, found.reason)
      continue
    }
    const size = JSON.stringify(found.alert).length * 2
    if (bytes + size > most.bytes) await flush()
    waiting.push({ line: line.number, alert: found.alert })
    bytes += size
    if (waiting.length >= most.alerts) await flush()
  }
  await flush()
  return { ...counts, problems, problemCount }
}

function parse(text: string, whole: boolean, read: (record: unknown) => Mapped): Mapped {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch {
    const reason = whole ? 'no JSON' : 'cut off at the end of the file; run the import again when it is whole'
    return { ok: false, reason }
  }
  return read(record)
}
