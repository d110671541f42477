import type { FilePath } from '../../../protocol/file-path.ts'
import type { Firewall, Host } from '../host.ts'
import { linuxFiles } from './files.ts'
import { imageHashes } from './images.ts'
import { libc } from './libc.ts'
import { linuxMachine } from './machine.ts'
import { linuxProcesses } from './processes.ts'

export interface LinuxHostOptions {
  /** Files and folders that are the agent: executable, bundle, native parts, state folder, local policy. Never touched by any action. */
  readonly agentPaths: readonly FilePath[]
  /** The vault. Its place is protected; a file in it may have further names elsewhere, which are not the agent's. */
  readonly vaultPaths?: readonly FilePath[]
  readonly firewall: Firewall
}

/** This machine. HostError tool_missing where it is no Linux on x64 or arm64. */
export const linuxHost = ({ agentPaths, vaultPaths = [], firewall }: LinuxHostOptions): Host => {
  const calls = libc()
  const machine = linuxMachine({ libc: calls, agentPaths, vaultPaths })
  return {
    platform: 'linux',
    machine,
    files: linuxFiles(calls),
    processes: linuxProcesses({
      libc: calls,
      bootId: machine.bootId,
      images: imageHashes(calls, machine.nowMs),
    }),
    firewall,
  }
}
