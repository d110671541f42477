import { createHash } from 'node:crypto'
import { type BigIntStats, constants, readlinkSync, readSync, statSync } from 'node:fs'
import { type Sha256, sameIdentity, sha256 } from '../../../protocol/file-record.ts'
import { HostError } from '../host.ts'
import { identityOf, statOf, withDescriptor } from './descriptors.ts'
import { mustNode, quietly } from './failures.ts'
import { cString, type Libc, O_CLOEXEC } from './libc.ts'
import { pathOf } from './path-bytes.ts'
import type { ProcFolder } from './proc-folder.ts'

const mostRemembered = 512
const deleted = Buffer.from(' (deleted)')
/** A file changed twice within one tick of the clock may keep its stamp, so a hash is only kept of one that has rested. */
const restNs = 2_000_000_000n

/** Hashes of running images, kept as long as the file does not change: many processes run the same few. */
export interface ImageHashes {
  /** Null when there is none, or it may not be read. HostError process_gone. */
  hashOf(folder: ProcFolder): Sha256 | null
}

export const imageHashes = (libc: Libc, nowMs: () => number): ImageHashes => {
  const remembered = new Map<string, Sha256>()
  return {
    hashOf: (folder) => {
      const descriptor = openImage(libc, folder)
      if (descriptor === null) return null
      return withDescriptor(libc, descriptor, () => {
        const before = stampOf(statOf(descriptor))
        const known = remembered.get(before)
        if (known !== undefined) return known
        const hash = hashAll(descriptor)
        const stat = statOf(descriptor)
        const rested = BigInt(nowMs()) * 1_000_000n - stat.ctimeNs > restNs
        if (rested && stampOf(stat) === before) {
          const oldest = remembered.keys().next()
          if (remembered.size >= mostRemembered && oldest.done !== true) remembered.delete(oldest.value)
          remembered.set(before, hash)
        }
        return hash
      })
    },
  }
}

const stampOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats) => [dev, ino, size, mtimeNs, ctimeNs].join()

/** The image belongs to every thread, but is no longer shown with a first thread that has ended. */
const imageLinks = (folder: ProcFolder): string[] => ['exe', ...folder.threads().map((thread) => `task/${thread}/exe`)]

function openImage(libc: Libc, folder: ProcFolder): number | null {
  for (const link of imageLinks(folder)) {
    const descriptor = libc.openat(folder.descriptor, cString(link), constants.O_RDONLY | O_CLOEXEC, 0)
    if (descriptor >= 0) return descriptor
  }
  return null
}

function hashAll(descriptor: number): Sha256 {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(262_144)
  for (let position = 0; ; ) {
    const count = mustNode('read the image of a process', () =>
      readSync(descriptor, buffer, 0, buffer.length, position),
    )
    if (count === 0) return sha256.parse(hash.digest('hex'))
    hash.update(buffer.subarray(0, count))
    position += count
  }
}

/** Where the image lies or lay, as the text of a path; null when it cannot be known. */
export const imagePath = (folder: ProcFolder): string | null => {
  for (const link of linksOf(folder)) {
    const path = quietly(() => readlinkSync(folder.at(link), { encoding: 'buffer' }))
    if (path === null) continue
    const plain = withoutMark(path, folder.at(link))
    // One in another tree of mounts is shown with a mark before it.
    return pathOf(plain) ?? plain.toString()
  }
  return null
}

function linksOf(folder: ProcFolder): string[] {
  try {
    return imageLinks(folder)
  } catch (error) {
    if (error instanceof HostError) return []
    throw error
  }
}

/** The kernel marks a name that is gone; a file may also be called so. */
function withoutMark(path: Buffer, link: string): Buffer {
  if (!path.subarray(-deleted.length).equals(deleted)) return path
  const named = quietly(() => statSync(path, { bigint: true }))
  const running = quietly(() => statSync(link, { bigint: true }))
  if (named !== null && running !== null && sameIdentity(identityOf(named), identityOf(running))) return path
  return path.subarray(0, -deleted.length)
}
