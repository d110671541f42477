import { type FilePath, joinPath, splitPath } from '../../protocol/file-path.ts'

const longestNameBytes = 255
const encoder = new TextEncoder()

/** `name.restored-1` and so on, shortened where the name would become too long for a file system. */
export const besideName = (name: Uint8Array, number: number): Uint8Array => {
  const ending = encoder.encode(`.restored-${number}`)
  return Uint8Array.from([...cut(name, longestNameBytes - ending.length), ...ending])
}

/** The same for a path; the directory stays. */
export const besidePath = (path: FilePath, number: number): FilePath => {
  const { root, names } = splitPath(path)
  const name = names.at(-1)
  if (name === undefined) throw new Error('a root has no name')
  return joinPath({ root, names: [...names.slice(0, -1), besideName(name, number)] })
}

/** How many names are tried before the directory is left alone. */
export const mostBeside = 100

/** Not in the middle of a UTF-8 character. */
function cut(name: Uint8Array, longest: number): Uint8Array {
  if (name.length <= longest) return name
  let end = longest
  while (end > 0 && ((name[end] ?? 0) & 0xc0) === 0x80) end--
  return name.subarray(0, end === 0 ? longest : end)
}
