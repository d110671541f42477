/** Tells a story of claims, each with a check mark or a cross. */
export interface Report {
  /** Opens a part: `Quarantine`. */
  part(title: string): void
  /** Says something that is no claim. */
  note(line: string): void
  /** A claim; `found` is shown where it does not hold. */
  claim(what: string, holds: boolean, found?: unknown): void
  /** A part that cannot be shown here, and why. It is no failure. */
  skipped(what: string, why: string): void
  tally(): { readonly held: number; readonly broken: number; readonly skipped: number }
}

/** `colour` is for terminals only. Once the signal is aborted, every word throws its reason: that is how a story ends before its end. */
export function newReport(write: (line: string) => void, colour: boolean, signal?: AbortSignal): Report {
  const paint = (code: number, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)
  const tally = { held: 0, broken: 0, skipped: 0 }
  let parts = 0
  const say = (line: string) => {
    signal?.throwIfAborted()
    write(line)
  }
  return {
    part: (title) => say(`\n${paint(1, `${++parts}. ${title}`)}`),
    note: (line) => say(paint(2, `     ${line}`)),
    claim: (what, holds, found) => {
      say(`   ${holds ? paint(32, '✓') : paint(31, '✗')} ${what}`)
      tally[holds ? 'held' : 'broken']++
      if (!holds && found !== undefined)
        for (const line of text(found).split('\n').slice(0, 30)) write(paint(31, `       ${line}`))
    },
    skipped: (what, why) => {
      say(`   ${paint(33, '–')} not shown: ${what}. ${why}`)
      tally.skipped++
    },
    tally: () => ({ ...tally }),
  }
}

const text = (found: unknown): string =>
  typeof found === 'string'
    ? found
    : JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2)
