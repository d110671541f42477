import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { quietly } from './failures.ts'

/** What the package system of the machine says about its files. Read from its own lists; no program is started. */
export interface Packages {
  /** The package that installed the file, such as `libc6 2.36-9`, or null when none did or it cannot be known. */
  ownerOf(path: Buffer): string | null
  /** Every path of the package that installed the file, as the package names them; null when none did or it cannot be known. */
  contentsOf(path: Buffer): { name: string; paths: Buffer[] } | null
}

const mostRemembered = 256

/** dpkg(1) keeps one list of paths for each package below `folder`/info; on other systems nothing is known. */
export const dpkgPackages = (folder = '/var/lib/dpkg'): Packages => {
  const info = join(folder, 'info')
  let seen = ''
  const lists = new Map<string, string | null>()

  const listOf = (path: Buffer): string | null => {
    const stamp = String(quietly(() => statSync(info, { bigint: true }).mtimeNs) ?? '')
    if (stamp !== seen) lists.clear()
    seen = stamp
    const key = path.toString('latin1')
    const known = lists.get(key)
    if (known !== undefined) return known
    const found = search(info, path)
    if (lists.size >= mostRemembered) lists.clear()
    lists.set(key, found)
    return found
  }

  return {
    ownerOf: (path) => {
      const list = listOf(path)
      if (list === null) return null
      const name = list.slice(0, -suffix.length)
      const version = quietly(() => versionIn(readFileSync(join(folder, 'status')), name)) ?? ''
      return `${name} ${version}`.trim()
    },
    contentsOf: (path) => {
      const list = listOf(path)
      const text = list === null ? null : quietly(() => readFileSync(join(info, list)))
      return list === null || text === null ? null : { name: list.slice(0, -suffix.length), paths: linesOf(text) }
    },
  }
}

const suffix = '.list'
const newline = Buffer.from('\n')

function search(info: string, path: Buffer): string | null {
  const wanted = spellings(path).map((spelling) => Buffer.concat([newline, spelling, newline]))
  for (const name of quietly(() => readdirSync(info)) ?? []) {
    if (!name.endsWith(suffix)) continue
    const text = quietly(() => readFileSync(join(info, name)))
    // The first line is the root, so that every path follows the end of a line.
    if (text !== null && wanted.some((line) => text.includes(line))) return name
  }
  return null
}

/** Where /bin, /lib and /sbin are links into /usr, packages may still name them without it. */
function spellings(path: Buffer): Buffer[] {
  const short = /^\/usr(?=\/(?:bin|sbin|lib[^/]*)\/)/.test(path.toString('latin1'))
    ? path.subarray('/usr'.length)
    : null
  return short === null ? [path] : [path, short]
}

function linesOf(text: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf(0x0a, at)
    const stop = end < 0 ? text.length : end
    if (stop > at) lines.push(text.subarray(at, stop))
    at = stop + 1
  }
  return lines
}

/** `name` may carry an architecture behind a colon, as the name of a list does. */
function versionIn(status: Buffer, name: string): string | null {
  const [bare, architecture] = name.split(':')
  const head = `Package: ${bare}\n`
  for (let at = status.indexOf(head); at >= 0; at = status.indexOf(head, at + 1)) {
    if (at > 0 && status[at - 1] !== 0x0a) continue
    const end = status.indexOf('\n\n', at)
    const entry = status.toString('utf8', at, end < 0 ? status.length : end)
    if (architecture !== undefined && !entry.includes(`\nArchitecture: ${architecture}\n`)) continue
    return /^Version: (\S+)$/m.exec(entry)?.[1] ?? null
  }
  return null
}
