import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import * as z from 'zod'

/** Where one signed in last. The cookie is as good as a password for the life of the session, so the file is for its owner only. */
const savedSignIn = z.strictObject({ url: z.url(), cookie: z.string() })
export type SavedSignIn = z.infer<typeof savedSignIn>

const placeOf = (environment: NodeJS.ProcessEnv): string =>
  join(environment['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'recourse', 'sign-in.json')

export function readSignIn(environment: NodeJS.ProcessEnv): SavedSignIn | null {
  try {
    return savedSignIn.parse(JSON.parse(readFileSync(placeOf(environment), 'utf8')))
  } catch {
    return null
  }
}

export function saveSignIn(environment: NodeJS.ProcessEnv, saved: SavedSignIn): void {
  const place = placeOf(environment)
  mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
  writeFileSync(place, `${JSON.stringify(saved)}\n`, { mode: 0o600 })
  chmodSync(place, 0o600)
}

export const forgetSignIn = (environment: NodeJS.ProcessEnv): void => rmSync(placeOf(environment), { force: true })
