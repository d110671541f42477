import { type ErrorCode, RecourseError } from '../../../protocol/errors.ts'
import { type FilePath, splitPath } from '../../../protocol/file-path.ts'
import { sameIdentity } from '../../../protocol/file-record.ts'
import type { ConflictChoice, Drift, Evidence, Gap } from '../../../protocol/outcome.ts'
import type { Bench, Comparison } from '../../core/action.ts'
import { besidePath, mostBeside } from '../../vault/beside.ts'
import { accessTime } from '../../vault/metadata.ts'
import { openPlace, type Place } from '../../vault/place.ts'
import type { FileRecord } from '../../vault/vault.ts'
import { lookAt } from './standing.ts'

/**
 * The world against what the action left behind: the name vacant, in the recorded directory, and the item intact
 * (UND2).
 */
export const compareFile = async (bench: Bench, record: FileRecord): Promise<Comparison> => {
  const place = openRecorded(bench, record)
  if (typeof place === 'string')
    return drifted('place_changed', place, [{ what: 'directory', expected: 'the recorded one', found: place }], [])
  using _ = place
  const standing = await lookAt(place.directory, place.name, record)
  if (standing?.isEqual === true)
    return { kind: 'as-found', found: `${record.path} is there, the same in every byte and mark` }
  const { intact, detail } = await bench.vault.check(record)
  if (!intact) {
    const found = [{ what: 'vault', expected: 'the file, whole', found: detail }]
    return drifted('record_damaged', detail, found, [])
  }
  if (standing === null) return { kind: 'as-left' }
  const mayReplace = standing.isFile && unableToReplace(bench, record.path, place) === null
  return drifted('place_taken', `Something else stands at ${record.path}.`, standing.drift, [
    'beside',
    ...(mayReplace ? (['replace'] as const) : []),
  ])
}

const drifted = (
  code: ErrorCode,
  detail: string,
  drift: readonly Drift[],
  choices: readonly ConflictChoice[],
): Comparison => ({ kind: 'drifted', code, detail, drift, choices: ['leave', ...choices] })

/** Evidence for the action: the file is gone from its place, and the vault has it. */
export const proveTaken = async (bench: Bench, record: FileRecord): Promise<Evidence[]> => {
  const at = bench.nowMs()
  const isThere = await isTargetThere(bench, record)
  const held = bench.vault.holds(record)
  return [
    {
      subject: 'file',
      found: isThere ? `The file still stands at ${record.path}.` : `The file is gone from ${record.path}.`,
      holds: !isThere,
      at,
    },
    {
      subject: 'vault',
      found: heldWords[held],
      holds: held === 'plain' || held === 'sealed',
      at,
      file: { path: record.path, sha256: record.sha256, sizeBytes: record.sizeBytes },
    },
  ]
}

const heldWords = {
  plain: 'The vault has it, moved in and not sealed yet.',
  sealed: 'The vault has it, sealed.',
  stray: 'The vault does not have it, but something that was moved in by mistake.',
  nothing: 'The vault does not have it.',
} as const

/**
 * Evidence for the undo: the bytes, and field by field everything else. A difference that the undo has named as a gap
 * is not held against it. Where nothing had been taken, the proof is that the vault has nothing to give back.
 */
export const proveRestored = async (bench: Bench, record: FileRecord, gaps: readonly Gap[]): Promise<Evidence[]> => {
  const at = bench.nowMs()
  const place = openRecorded(bench, record)
  if (typeof place === 'string') return [{ subject: 'file', found: place, holds: false, at }]
  using _ = place
  const found = await findRestored(place, record)
  if (found === null) {
    if (bench.vault.holds(record) === 'nothing')
      return [{ subject: 'vault', found: 'Nothing had been taken, so nothing is to be given back.', holds: true, at }]
    return [{ subject: 'file', found: `No file with the recorded content stands at ${record.path}.`, holds: false, at }]
  }
  const bytes = `${record.sizeBytes} bytes with the recorded hash are at ${found.path}.`
  const lacking = found.drift.filter(({ what }) => what !== accessTime)
  const unnamed = lacking.filter(({ what }) => !gaps.some((gap) => gap.what === what))
  const marks = lacking.length === 0 ? 'Mode, owner, times, attributes and flags are as recorded.' : driftWords(lacking)
  return [
    { subject: 'file', found: bytes, holds: true, at },
    { subject: 'file', found: marks, holds: unnamed.length === 0, at },
  ]
}

const lastName = (path: FilePath) => splitPath(path).names.at(-1) ?? new Uint8Array()

const driftWords = (drift: readonly Drift[]): string =>
  `Not as recorded: ${drift.map(({ what, expected, found }) => `${what} ${found} for ${expected}`).join('; ')}.`.slice(
    0,
    4_000,
  )

/** Why what stands at the path cannot be taken into the vault, or null. */
export const unableToReplace = ({ host, vault }: Bench, path: FilePath, { directory, name }: Place): string | null => {
  const entry = directory.look(name)
  if (entry === null) return null
  return host.machine.protects(path, entry.identity) ?? vault.unable(entry.sizeBytes, path)?.detail ?? null
}

function openRecorded({ host }: Bench, record: FileRecord): Place | string {
  try {
    return openPlace(host, record, record.path, 'place_changed')
  } catch (error) {
    if (error instanceof RecourseError && error.code === 'place_changed') return error.message
    throw error
  }
}

async function isTargetThere(bench: Bench, record: FileRecord): Promise<boolean> {
  const place = openRecorded(bench, record)
  if (typeof place === 'string') return false
  using _ = place
  const entry = place.directory.look(place.name)
  if (entry === null || !sameIdentity(entry.identity, record.file)) return false
  // The number of a removed file may belong to a new one: then its content tells.
  const standing = await lookAt(place.directory, place.name, record)
  return standing?.sameContent === true
}

/** Where the restored file is: at its place, or under a name beside it. */
async function findRestored(place: Place, record: FileRecord) {
  for (let number = 0; number <= mostBeside; number++) {
    const path = number === 0 ? record.path : besidePath(record.path, number)
    const standing = await lookAt(place.directory, lastName(path), record)
    if (standing === null && number > 0) return null
    if (standing?.sameContent === true) return { path, drift: standing.drift }
  }
  return null
}
