import { type FilePath, joinPath, splitPath } from '../../../protocol/file-path.ts'

const slash = 0x2f

/** The path as the kernel takes it. */
export const bytesOf = (path: FilePath): Buffer =>
  Buffer.concat(splitPath(path).names.flatMap((name) => [Buffer.of(slash), Buffer.from(name)]))

/** The text of an absolute path that the kernel gave; null for anything else. */
export const pathOf = (bytes: Buffer): FilePath | null => {
  if (bytes[0] !== slash) return null
  const names: Uint8Array[] = []
  for (let at = 1; at < bytes.length; ) {
    const next = bytes.indexOf(slash, at)
    const end = next < 0 ? bytes.length : next
    names.push(bytes.subarray(at, end))
    at = end + 1
  }
  return joinPath({ root: '/', names })
}
