import { randomBytes } from 'node:crypto'
import type { FilePath } from '../../protocol/file-path.ts'
import type { Host } from '../host/host.ts'
import { linuxHost } from '../host/linux/host.ts'
import { type Scratch, scratch } from '../host/linux/scratch.ts'
import { modelHost } from '../host/model/host.ts'
import { modelMachine } from '../host/model/machine.ts'
import { openVault } from './open-vault.ts'
import { openTarget, recordOf } from './target.ts'
import type { FileRecord, Vault } from './vault.ts'
import { itemOf } from './vault-scene.ts'

/**
 * A vault on the real machine, in a temporary folder, for tests. The firewall is that of a model, which nobody asks.
 */
export interface LinuxScene extends Disposable {
  readonly host: Host
  readonly vault: Vault
  /** On the file system of the vault. */
  readonly near: Scratch
  /** On another one: memory. */
  readonly far: Scratch
  record(path: FilePath): Promise<FileRecord>
}

export const realHost = (): Host =>
  linuxHost({ agentPaths: [], firewall: modelHost(modelMachine({ platform: 'linux', seed: 1 })).firewall })

export const linuxScene = async (): Promise<LinuxScene> => {
  const host = realHost()
  const near = scratch()
  const far = scratch('/dev/shm')
  const vault = await openVault({ host, folder: near.path('vault'), random: (length) => randomBytes(length) })
  let items = 0
  return {
    host,
    vault,
    near,
    far,
    record: async (path) => {
      using target = openTarget(host, path)
      return await recordOf(target, itemOf(++items))
    },
    [Symbol.dispose]: () => {
      vault.close()
      near[Symbol.dispose]()
      far[Symbol.dispose]()
    },
  }
}
