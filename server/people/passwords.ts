import { hash, verify } from '@node-rs/argon2'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

export const password = z
  .string()
  .min(12, 'at least 12 characters')
  .max(256)
  .describe('At least 12 characters; any sign may stand in it')

/**
 * Hashing happens beside the event loop, a few at a time, and a bounded number of people wait for it: signing in can slow down
 * signing in, never anything else.
 */
export interface Passwords {
  hash(plain: string): Promise<string>
  /** With `null` for the hash of somebody who does not exist it takes as long and says no. */
  verify(hashed: string | null, plain: string): Promise<boolean>
}

const sideBySide = 2
const mostWaiting = 64

export function newPasswords(): Passwords {
  let running = 0
  const waiting: (() => void)[] = []
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting.length >= mostWaiting) throw new RecourseError('too_many_tries')
    if (running >= sideBySide) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
  const nobody = hash('nobody has this password', cost)
  return {
    hash: (plain) => inTurn(() => hash(plain.normalize('NFKC'), cost)),
    verify: (hashed, plain) =>
      inTurn(async () => {
        const matches = await verify(hashed ?? (await nobody), plain.normalize('NFKC'))
        return matches && hashed !== null
      }),
  }
}
