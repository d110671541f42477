import { createHash } from 'node:crypto'
import { type FilePath, toFilePath } from '../../protocol/file-path.ts'
import type { Host } from '../host/host.ts'
import type { FileOptions } from '../host/model/file-verbs.ts'
import { modelHost } from '../host/model/host.ts'
import { type ModelMachine, type ModelOptions, modelMachine } from '../host/model/machine.ts'
import { openVault, type VaultOptions } from './open-vault.ts'
import { openTarget, recordOf } from './target.ts'
import type { FileRecord, Vault } from './vault.ts'

/**
 * A vault on a model machine, for tests: `/state` is its file system's, `/home/u` lies on the same one, `/data` on
 * another.
 */
export interface VaultScene {
  readonly machine: ModelMachine
  open(host?: Host, options?: Partial<VaultOptions>): Promise<Vault>
  /** A record of what stands there now. Each has an item of its own. */
  record(path: string): Promise<FileRecord>
  /** Names below a part of the vault's folder. */
  names(part: string): string[]
}

export const vaultFolder = '/state/vault'

export const pathOf = (text: string): FilePath => {
  const path = toFilePath(text)
  if (path === null) throw new Error(`no path: ${text}`)
  return path
}

/** Random bytes that repeat. */
export const repeatable = (seed: string) => {
  let count = 0
  return (length: number): Uint8Array =>
    createHash('shake256', { outputLength: length }).update(`${seed} ${count++}`).digest()
}

/** Marks that no clock of the model gives, so that one which was not set shows. */
export const marks: FileOptions = {
  mode: 0o4755,
  uid: 12,
  gid: 34,
  atimeNs: '1600000000123456789',
  mtimeNs: '1500000000987654321',
  xattrs: [
    { name: Buffer.from('system.posix_acl_access'), value: Buffer.from('0200000001000700ffffffff', 'hex') },
    { name: Buffer.from('security.capability'), value: Buffer.from([1, 0, 0, 2, 0, 32, 0, 0]) },
    { name: Buffer.from('user.origin'), value: Buffer.from([0, 255, 10]) },
  ],
}

export const vaultScene = (options: Partial<ModelOptions> = {}): VaultScene => {
  const machine = modelMachine({ platform: 'linux', seed: 3, ...options })
  machine.mkdir('/state', { mode: 0o700, owner: machine.privileged ? 0 : machine.agentUser })
  machine.mkdir('/home/u', { owner: machine.agentUser })
  machine.mount('/data')
  const random = repeatable('scene')
  let items = 0
  return {
    machine,
    open: (host = modelHost(machine), more = {}) => openVault({ host, folder: pathOf(vaultFolder), random, ...more }),
    record: async (path) => {
      using target = openTarget(modelHost(machine), pathOf(path))
      return await recordOf(target, itemOf(++items))
    },
    names: (part) => {
      using directory = modelHost(machine).files.openDirectory(pathOf(`${vaultFolder}/${part}`))
      return directory
        .names()
        .map((name) => Buffer.from(name).toString())
        .toSorted()
    },
  }
}

/** The name of an item; real ones are ids of actions. */
export const itemOf = (number: number): string => `01890a5d-ac96-774b-bcce-${String(number).padStart(12, '0')}`
