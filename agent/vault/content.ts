import { createHash, hash } from 'node:crypto'
import { setImmediate as pause } from 'node:timers/promises'
import type { DataRange, Sha256 } from '../../protocol/file-record.ts'
import type { OpenFile } from '../host/host.ts'

/**
 * Reading and copying whole files in pieces, with a pause every few megabytes so that a large file does not stop the
 * agent.
 *
 * INVARIANTS
 * - The buffer is shared by all: what is read into it is used up before the next pause.
 */
const pieceBytes = 1024 * 1024
/** A pause costs some microseconds; this much is read and hashed in under ten milliseconds. */
export const pauseBytes = 8 * pieceBytes

const buffer = new Uint8Array(pieceBytes)

/** SHA-256 of the first `sizeBytes` bytes, or of all there are. Callers compare the size themselves. */
export const contentHash = async (file: OpenFile, sizeBytes: number): Promise<Sha256> => {
  if (sizeBytes <= pieceBytes) return hash('sha256', piece(file, 0, sizeBytes)) as Sha256
  const sum = createHash('sha256')
  await eachPiece(file, { offset: 0, length: sizeBytes }, (bytes) => sum.update(bytes))
  return sum.digest('hex') as Sha256
}

/**
 * Copies what is stored, so that holes stay holes, and gives the target its full size. Without `ranges` all of it is
 * stored. The target must be new.
 */
export const copyContent = async (
  source: OpenFile,
  target: OpenFile,
  sizeBytes: number,
  ranges: readonly DataRange[] | null,
): Promise<void> => {
  for (const range of ranges ?? wholeRange(sizeBytes))
    await eachPiece(source, within(range, sizeBytes), (bytes, position) => target.write(bytes, position))
  if (target.sizeBytes() !== sizeBytes) target.truncate(sizeBytes)
}

/**
 * Brings a file to disk. A small one at once; a large one while `meanwhile` goes on and others have their turn.
 * `meanwhile` may only read the file. Resolves when both are done.
 */
export const settledWith = async <T>(file: OpenFile, sizeBytes: number, meanwhile: () => Promise<T>): Promise<T> => {
  if (sizeBytes <= pauseBytes) {
    file.sync()
    return await meanwhile()
  }
  const [flushed, result] = await Promise.allSettled([file.flush(), meanwhile()])
  if (flushed.status === 'rejected') throw flushed.reason
  if (result.status === 'rejected') throw result.reason
  return result.value
}

/** The one run of a file without holes. */
export const wholeRange = (sizeBytes: number): DataRange[] => [{ offset: 0, length: sizeBytes }]

/** A run cut to what lies inside the file: a record may be older than its file system's idea of its end. */
const within = ({ offset, length }: DataRange, sizeBytes: number): DataRange => ({
  offset,
  length: Math.max(0, Math.min(length, sizeBytes - offset)),
})

async function eachPiece(file: OpenFile, range: DataRange, use: (bytes: Uint8Array, position: number) => void) {
  const end = range.offset + range.length
  let untilPause = pauseBytes
  for (let position = range.offset; position < end; ) {
    const bytes = piece(file, position, end - position)
    if (bytes.length === 0) return
    use(bytes, position)
    position += bytes.length
    untilPause -= bytes.length
    if (untilPause > 0) continue
    await pause()
    untilPause = pauseBytes
  }
}

/** Up to a piece from `position`; shorter only at the end of the file. Valid until the next call. */
function piece(file: OpenFile, position: number, wanted: number): Uint8Array {
  const room = buffer.subarray(0, Math.min(wanted, pieceBytes))
  let filled = 0
  while (filled < room.length) {
    const got = file.read(filled === 0 ? room : room.subarray(filled), position + filled)
    if (got === 0) break
    filled += got
  }
  return room.subarray(0, filled)
}
