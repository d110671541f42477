import { destination, pino } from 'pino'
import type { Log } from './core/log.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** JSON lines on standard output, written at once and by this thread: a line that says why the agent ends is out before it does. */
export const openLog = (level: LogLevel): Log =>
  pino(
    {
      level,
      base: null,
      redact: {
        paths: ['token', '*.token', 'privateKeyPem', '*.privateKeyPem', 'secret', '*.secret'],
        censor: '[redacted]',
      },
    },
    destination({ fd: 1, sync: true }),
  )
