import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { type Identity, sameIdentity } from '../../../protocol/file-record.ts'
import { identityOf } from './descriptors.ts'
import { quietly } from './failures.ts'

/** More descriptors than this are not looked at: a preview must not hold the agent up. */
const mostDescriptors = 50_000

/**
 * Processes that have the file open, run it or have it mapped, as far as this process may see; without the agent itself.
 * A process may end or belong to somebody else at any moment; then there is nothing to see.
 * Other file systems are not asked, since one that hangs would hang the agent: the kernel's own lists say which inode it is.
 */
export const usersOf = (file: Identity): { pid: number; image: string }[] => {
  const users: { pid: number; image: string }[] = []
  let left = mostDescriptors
  for (const entry of entriesOf('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    if (left <= 0) break
    const descriptors = entriesOf(`/proc/${pid}/fd`)
    left -= descriptors.length + 1
    if (isMapped(pid, file) || descriptors.some((descriptor) => isOpenAt(pid, descriptor, file)))
      users.push({ pid, image: imageOf(pid) })
  }
  return users
}

function isOpenAt(pid: number, descriptor: string, file: Identity): boolean {
  const link = `/proc/${pid}/fd/${descriptor}`
  // Sockets, pipes and events have no path; devices and /proc are no file that anybody quarantines.
  const target = quietly(() => readlinkSync(link))
  if (target === null || !target.startsWith('/') || /^\/(?:dev|proc|sys)\//.test(target)) return false
  const inode = /^ino:\s*(\d+)$/m.exec(quietly(() => readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'latin1')) ?? '')
  // Kernels before 5.14 do not say.
  return (inode === null || inode[1] === file.object) && isFile(link, file)
}

/** What a process runs is mapped too. */
function isMapped(pid: number, file: Identity): boolean {
  const maps = quietly(() => readFileSync(`/proc/${pid}/maps`, 'latin1'))
  if (maps === null || !maps.includes(` ${file.object} `)) return false
  // addresses, rights, offset, device, inode, name; the device is written as the file system sees itself, not as stat does.
  const mapped = maps.split('\n').find((line) => line.split(/\s+/, 5)[4] === file.object)
  const addresses = mapped?.split(' ', 1)[0]
  if (addresses === undefined) return false
  return isFile(`/proc/${pid}/map_files/${addresses}`, file) || isFile(`/proc/${pid}/exe`, file)
}

const isFile = (link: string, file: Identity): boolean => {
  const found = quietly(() => statSync(link, { bigint: true }))
  return found !== null && sameIdentity(identityOf(found), file)
}

const imageOf = (pid: number): string =>
  quietly(() => readlinkSync(`/proc/${pid}/exe`)) ??
  quietly(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ??
  ''

const entriesOf = (path: string): string[] => quietly(() => readdirSync(path)) ?? []
