import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { type FilePath, isWithin, toFilePath } from '../../../protocol/file-path.ts'
import { type Identity, sameIdentity } from '../../../protocol/file-record.ts'
import { identityOf } from './descriptors.ts'
import { quietly } from './failures.ts'
import type { Packages } from './packages.ts'
import { bytesOf, pathOf } from './path-bytes.ts'

export interface ProtectionOptions {
  /** What the agent is and keeps: executable, bundle, native parts, state folder, local policy. Files and folders. */
  readonly agentPaths: readonly FilePath[]
  /** The vault: protected by place alone, since what lies in it may have other names that are not the agent's. */
  readonly vaultPaths: readonly FilePath[]
  readonly packages: Packages
}

/**
 * Why a file may not be touched (VLT3), or null.
 *
 * INVARIANTS
 * - Files are compared by identity, so that a hard link or another way to the same file is the same file. Folders are compared by
 *   place; the path that is asked about has no link in it.
 * - Everything is looked at anew each time: an update may have put another file there a moment ago.
 */
export const protectionOf = (path: FilePath, file: Identity, options: ProtectionOptions): string | null => {
  const places: [readonly FilePath[], string][] = [
    [[...options.agentPaths, ...options.vaultPaths].flatMap(spelled), 'it belongs to the agent'],
    [modulePlaces(), 'it belongs to the running kernel'],
  ]
  for (const [folders, reason] of places) if (folders.some((folder) => isWithin(path, folder))) return reason

  const files: [() => Iterable<string | Buffer>, string][] = [
    [() => options.agentPaths.flatMap(agentFiles), 'it belongs to the agent'],
    [initFiles, 'it belongs to init'],
    [kernelFiles, 'it belongs to the running kernel'],
    [libraryFiles, 'it is the C library or its loader'],
  ]
  for (const [list, reason] of files) for (const candidate of list()) if (isSame(candidate, file)) return reason

  for (const library of libraryFiles()) {
    const contents = options.packages.contentsOf(Buffer.from(library))
    if (contents?.paths.some((candidate) => isSame(candidate, file)))
      return `it belongs to ${contents.name}, the package that holds the C library`
  }
  return null
}

/** A folder as it is written and as it lies, links followed. */
function spelled(path: FilePath): FilePath[] {
  const real = quietly(() => realpathSync.native(bytesOf(path), { encoding: 'buffer' }))
  const text = real === null ? null : pathOf(real)
  return text === null || text === path ? [path] : [path, text]
}

/** Files named as the agent's, and those directly in its folders. */
function agentFiles(path: FilePath): Buffer[] {
  const own = bytesOf(path)
  const below = quietly(() => readdirSync(own, { encoding: 'buffer' })) ?? []
  return [own, ...below.map((name) => Buffer.concat([own, Buffer.from('/'), name]))]
}

/** What runs as the first process, the libraries it has loaded, and what it is started from where that cannot be seen. */
const initFiles = (): string[] => [
  '/proc/1/exe',
  '/sbin/init',
  '/usr/lib/systemd/systemd',
  '/lib/systemd/systemd',
  ...mappedBy('1'),
]

const kernelFiles = (): string[] =>
  ['vmlinuz-', 'vmlinux-', 'Image-', 'initrd.img-', 'initrd-', 'initramfs-', 'System.map-', 'config-'].flatMap(
    (name) => [`/boot/${name}${release()}`, `/boot/${name}${release()}.img`],
  )

const modulePlaces = (): FilePath[] =>
  [`/lib/modules/${release()}`, `/usr/lib/modules/${release()}`].flatMap((text) => toFilePath(text) ?? [])

/** The parts of the C library that this process itself has loaded, whatever they are called on this system. */
const libraryFiles = (): string[] =>
  mappedBy('self').filter((path) =>
    /\/(?:libc|ld|ld-linux|ld-musl|libm|libpthread|libdl|librt|libresolv)[-.][^/]*$/.test(path),
  )

function mappedBy(process: string): string[] {
  const maps = quietly(() => readFileSync(`/proc/${process}/maps`, 'utf8')) ?? ''
  return [...new Set(maps.match(/(?<= )\/.*$/gm) ?? [])]
}

function isSame(path: string | Buffer, file: Identity): boolean {
  const found = quietly(() => statSync(path, { bigint: true }))
  return found !== null && sameIdentity(identityOf(found), file)
}
