import * as z from 'zod'
import type { Platform } from '../../protocol/action-spec.ts'
import { type FilePath, splitPath } from '../../protocol/file-path.ts'

/**
 * A folder pattern: an absolute path whose components may be `*`, which stands for exactly one component. It matches whatever lies
 * below it, at any depth. On Windows the drive is left out and letters of either case are the same.
 */
export const folderPattern = z
  .string()
  .max(1_000)
  .regex(
    /^(?:\/[^/\0]+)+$|^(?:\\[^\\/\0]+)+$/,
    'a folder pattern is an absolute path such as /home/*/Downloads or \\windows',
  )

/** Which places count as core and which as temporary (POL2). */
export const folderLists = z.strictObject({
  linux: z.strictObject({ core: z.array(folderPattern).max(200), temporary: z.array(folderPattern).max(200) }),
  windows: z.strictObject({ core: z.array(folderPattern).max(200), temporary: z.array(folderPattern).max(200) }),
})
export type FolderLists = z.infer<typeof folderLists>

/** The lists a new installation starts with; why these, is argued in docs/adr/0010-folder-lists.md. */
export const defaultFolderLists: FolderLists = {
  linux: {
    core: ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/usr', '/boot', '/etc', '/opt', '/snap'],
    temporary: [
      '/tmp',
      '/var/tmp',
      '/dev/shm',
      '/run/user',
      '/home/*/Downloads',
      '/home/*/.cache',
      '/root/Downloads',
      '/root/.cache',
    ],
  },
  windows: {
    core: ['\\windows', '\\program files', '\\program files (x86)'],
    temporary: [
      '\\windows\\temp',
      '\\users\\*\\appdata\\local\\temp',
      '\\users\\*\\downloads',
      '\\documents and settings\\*\\local settings\\temp',
      '\\documents and settings\\*\\local settings\\temporary',
    ],
  },
}

/** Which pattern of each list a path falls under; null for none. Both may match, as below `\windows\temp`. */
export interface Place {
  readonly core: string | null
  readonly temporary: string | null
}

export function placeOf(path: FilePath, platform: Platform, lists: FolderLists): Place {
  const { core, temporary } = lists[platform]
  const names = splitPath(path).names.map((name) => foldedName(name, platform))
  return { core: firstMatch(core, names, platform), temporary: firstMatch(temporary, names, platform) }
}

/** Whether a path lies below one folder pattern. */
export const liesBelow = (path: FilePath, platform: Platform, pattern: string): boolean =>
  matches(
    pattern,
    splitPath(path).names.map((name) => foldedName(name, platform)),
    platform,
  )

const decoder = new TextDecoder('utf-8')

/** Odd bytes become replacement characters, which no pattern names; so such a component matches only `*`. */
const foldedName = (name: Uint8Array, platform: Platform): string => {
  const text = decoder.decode(name)
  return platform === 'windows' ? text.toLowerCase() : text
}

const firstMatch = (patterns: readonly string[], names: readonly string[], platform: Platform): string | null =>
  patterns.find((pattern) => matches(pattern, names, platform)) ?? null

function matches(pattern: string, names: readonly string[], platform: Platform): boolean {
  const folded = platform === 'windows' ? pattern.toLowerCase() : pattern
  const parts = folded.slice(1).split(platform === 'windows' ? '\\' : '/')
  return names.length > parts.length && parts.every((part, at) => part === '*' || part === names[at])
}
