import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { RecourseError } from '../protocol/errors.ts'
import { exposureOf } from './exposure.ts'

/*
 * INVARIANTS
 * - One process works in a state folder: it holds an open exclusive transaction on `agent.lock`, which the system ends when the process dies.
 * - Nobody but its owner can enter the folder. One that belongs to somebody else is refused: whoever could write in it could play the device, or its records.
 */

export interface StateFolder {
  readonly path: string
  /** For the log: how others could exchange the folder; null when they cannot. */
  readonly exposed: string | null
}

/** Makes or checks the folder. RecourseError `not_permitted` when it belongs to somebody else, or is none. */
export function openStateFolder(path: string): StateFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const state = lstatSync(path)
  if (!state.isDirectory()) throw new RecourseError('not_permitted', `${path} is no folder`)
  if (process.platform === 'win32') return { path, exposed: null }
  const own = process.geteuid?.() ?? 0
  if (state.uid !== own) throw new RecourseError('not_permitted', `${path} belongs to user ${state.uid}, not to ${own}`)
  if ((state.mode & 0o077) !== 0) chmodSync(path, 0o700)
  return { path, exposed: exposureOf(path, own) }
}

/** Takes the folder for this process. RecourseError `store_locked` when another agent has it. */
export function lockState({ path }: StateFolder): Disposable {
  const lock = new DatabaseSync(join(path, 'agent.lock'))
  try {
    lock.exec('PRAGMA busy_timeout = 0')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    throw new RecourseError('store_locked', `another agent works in ${path}`, { cause })
  }
  return { [Symbol.dispose]: () => lock.close() }
}
