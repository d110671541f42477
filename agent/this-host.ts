import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { RecourseError } from '../protocol/errors.ts'
import { type FilePath, toFilePath } from '../protocol/file-path.ts'
import type { Host } from './host/host.ts'

export interface HostPlaces {
  /** Absolute. */
  readonly state: string
  readonly vault: string
  readonly policy: string
}

/** The machine this agent runs on. RecourseError `action_unsupported` on a platform without a host. */
export async function thisHost({ state, vault, policy }: HostPlaces): Promise<Host> {
  if (process.platform !== 'linux')
    throw new RecourseError('action_unsupported', `this agent has no host for ${process.platform} yet`)
  // Loaded here and not above: the native part exists for its own platform only.
  const [{ linuxHost }, { linuxFirewall }] = await Promise.all([
    import('./host/linux/host.ts'),
    import('./host/linux/firewall.ts'),
  ])
  return linuxHost({
    agentPaths: [...programFiles(), state, policy].map(asFilePath),
    vaultPaths: [asFilePath(vault)],
    firewall: linuxFirewall({ stateFolder: state }),
  })
}

/** Node, the file that was started, and the native part that lies beside it in a bundle. */
function programFiles(): string[] {
  const entry = process.argv[1]
  if (entry === undefined) return [process.execPath]
  const native = join(dirname(entry), `koffi-${process.platform}-${process.arch}.node`)
  return [process.execPath, entry, ...(existsSync(native) ? [native] : [])]
}

export function asFilePath(path: string): FilePath {
  const read = toFilePath(path)
  if (read === null) throw new RecourseError('request_invalid', `${path} is no absolute path`)
  return read
}
