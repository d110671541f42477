import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** `npm start`, as a person runs it. */
export interface RunningStart extends AsyncDisposable {
  readonly pid: number
  /** Everything it has said, on both streams. */
  said(): string
  /** The first thing it says that matches, with its groups; rejects when it ends, or after minutes. */
  hears(pattern: RegExp): Promise<RegExpExecArray>
  /** Ends it as Ctrl-C does; its exit code. */
  interrupt(): Promise<number | null>
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>
}

export function runNpmStart(...flags: string[]): RunningStart {
  const child: ChildProcessWithoutNullStreams = spawn('npm', ['start', '--', ...flags], { cwd: root, detached: true })
  let text = ''
  const ears = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text += String(chunk)
      for (const ear of ears) ear()
    })
  const ended = once(child, 'close').then(([status]) => status as number | null)
  const hears = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const late = setTimeout(
        () => stop(() => reject(new Error(`not said within five minutes: ${pattern}\n${text}`))),
        300_000,
      )
      const stop = (then: () => void) => {
        clearTimeout(late)
        ears.delete(ear)
        then()
      }
      const ear = () => {
        const found = pattern.exec(text)
        if (found !== null) stop(() => resolve(found))
      }
      ears.add(ear)
      void ended.then(() => stop(() => reject(new Error(`it ended without saying ${pattern}\n${text}`))))
      ear()
    })
  const interrupt = async () => {
    // A terminal sends it to everything in front, and so does this.
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, 'SIGINT')
    return ended
  }
  return {
    pid: child.pid ?? 0,
    said: () => text,
    hears,
    interrupt,
    ended,
    [Symbol.asyncDispose]: async () => void (await interrupt()),
  }
}

/** Uses the one-time link: becomes `admin`, who works alone. */
export async function setUpAlone(setUpUrl: string, password: string): Promise<void> {
  const { origin, hash } = new URL(setUpUrl)
  const answer = await fetch(`${origin}/v1/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ secret: hash.slice(1), name: 'admin', password, separationOfDuties: false }),
  })
  if (answer.status !== 201) throw new Error(`set-up was answered ${answer.status}: ${await answer.text()}`)
}
