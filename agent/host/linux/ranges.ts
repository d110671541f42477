import { constants } from 'node:os'
import type { DataRange } from '../../../protocol/file-record.ts'
import { hostError, must } from './failures.ts'
import { type Libc, SEEK_DATA, SEEK_HOLE } from './libc.ts'

const { errno } = constants

/** The stored runs of a file with holes; null when it has none, or when its file system cannot tell. */
export const storedRanges = (libc: Libc, file: number, sizeBytes: number): DataRange[] | null => {
  const firstHole = libc.lseek(file, 0, SEEK_HOLE)
  if (firstHole < 0 || firstHole >= sizeBytes) return null
  const ranges: DataRange[] = []
  for (let end = 0; end < sizeBytes; ) {
    const offset = libc.lseek(file, end, SEEK_DATA)
    if (offset === -errno.ENXIO || offset >= sizeBytes) break
    if (offset < 0) throw hostError(-offset, 'find what is stored of a sparse file')
    end = Math.min(must(libc.lseek(file, offset, SEEK_HOLE), 'find the holes of a sparse file'), sizeBytes)
    // Somebody is cutting the file at this moment.
    if (end <= offset) break
    ranges.push({ offset, length: end - offset })
  }
  return ranges
}
