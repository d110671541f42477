import { writeSync } from 'node:fs'
import type { Log } from './core/log.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** As pino numbers them, whose lines these are: what reads the lines of the control plane reads those of an agent. */
const numbers = { debug: 20, info: 30, warn: 40, error: 50 } as const

/** What is never written down, at any depth. */
const secrets: ReadonlySet<string> = new Set(['token', 'privateKeyPem', 'secret'])
const censored = '[redacted]'

/**
 * JSON lines on standard output, written at once and by this thread: a line that says why the agent ends is out before it does. By hand,
 * because a library for it is a tenth of what an idle agent holds in memory.
 */
export function openLog(
  level: LogLevel,
  write: (line: string) => void = toOutput,
  nowMs: () => number = Date.now,
): Log {
  const from = numbers[level]
  const logger = (its: LogLevel) =>
    numbers[its] < from
      ? () => undefined
      : (fields: object, msg: string) => write(`${lineOf({ level: numbers[its], time: nowMs(), ...fields, msg })}\n`)
  return { debug: logger('debug'), info: logger('info'), warn: logger('warn'), error: logger('error') }
}

function lineOf(fields: object): string {
  const open: unknown[] = []
  try {
    return JSON.stringify(fields, function (this: unknown, key, value: unknown) {
      if (secrets.has(key)) return censored
      if (typeof value === 'bigint') return String(value)
      while (open.length > 0 && open.at(-1) !== this) open.pop()
      if (open.includes(value)) return '[circular]'
      if (typeof value === 'object' && value !== null) open.push(value)
      if (!(value instanceof Error)) return value
      const plain = plainError(value)
      open.push(plain)
      return plain
    })
  } catch (failure) {
    // Whatever it was that cannot be written: that something was to be said, is.
    return JSON.stringify({
      level: numbers.error,
      msg: 'a line of the log could not be written',
      detail: String(failure),
    })
  }
}

const plainError = (error: Error) => ({
  type: error.name,
  message: error.message,
  ...('code' in error ? { code: error.code } : {}),
  stack: error.stack,
  ...(error.cause === undefined ? {} : { cause: error.cause }),
})

/** A pipe that is full is waited for; one that nobody reads any more must not end the agent. */
function toOutput(line: string): void {
  for (let bytes = Buffer.from(line); bytes.length > 0; ) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes))
    } catch (failure) {
      if (!(failure instanceof Error) || !('code' in failure) || failure.code !== 'EAGAIN') return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
