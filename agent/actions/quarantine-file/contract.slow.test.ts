import { createHash } from 'node:crypto'
import type { ParamsOf } from '../../../protocol/action-spec.ts'
import { quarantineFile as spec } from '../../../protocol/actions/quarantine-file.ts'
import { type FilePath, toFilePath } from '../../../protocol/file-path.ts'
import type { FileOptions } from '../../host/model/file-verbs.ts'
import { type ModelMachine, modelMachine } from '../../host/model/machine.ts'
import { openVault } from '../../vault/open-vault.ts'
import { actionContract } from '../contract.ts'
import { type ActionFixture, type Change, nowhere, type Scene } from '../scene-contract.ts'
import { linux } from './linux.ts'

const vaultFolder = '/var/lib/recourse/vault'
const path = (text: string): FilePath => {
  const found = toFilePath(text)
  if (found === null) throw new Error(`no path: ${text}`)
  return found
}

const content = Buffer.from('a very suspicious program\n'.repeat(40))
const acl = Buffer.from('0200000001000700ffffffff', 'hex')

/** Times that no clock of the model gives, so that one which was not set shows. */
const marks: FileOptions = {
  mode: 0o4755,
  uid: 12,
  gid: 34,
  atimeNs: '1600000000123456789',
  mtimeNs: '1500000000987654321',
  xattrs: [
    { name: Buffer.from('system.posix_acl_access'), value: acl },
    { name: Buffer.from('user.origin'), value: Buffer.from([0, 255, 10]) },
  ],
}

interface Setting {
  readonly privileged?: boolean
  readonly target?: string
  build?(machine: ModelMachine, target: string): void
}

let runs = 0

const sceneOf = ({ privileged = true, target = '/home/u/evil', build }: Setting): Scene<'quarantine-file'> => {
  const machine = modelMachine({ platform: 'linux', seed: 7, privileged })
  machine.mkdir('/var/lib/recourse', { mode: 0o700, owner: privileged ? 0 : machine.agentUser })
  machine.mkdir('/home/u', { owner: machine.agentUser })
  machine.mount('/data')
  machine.writeFile(target, content, privileged ? marks : { ...marks, uid: machine.agentUser, gid: machine.agentUser })
  build?.(machine, target)
  const read = Buffer.from(machine.readFile(target))
  return {
    machine,
    params: spec.params.parse({
      path: path(target),
      sha256: createHash('sha256').update(read).digest('hex'),
    }) satisfies ParamsOf<typeof spec>,
    ownFolders: [vaultFolder],
    bounds: nowhere,
    openVault: (host) =>
      openVault({
        host,
        folder: path(vaultFolder),
        random: (length) => createHash('shake256', { outputLength: length }).update(String(runs++)).digest(),
      }),
    mayChange: (place) => place === `file ${target}`,
  }
}

const changes = (target: string): Change<'quarantine-file'>[] => [
  {
    what: 'another file was put in its place',
    found: 'drifted',
    by: ({ machine }) => machine.writeFile(target, 'mine'),
  },
  { what: 'a directory was put in its place', found: 'drifted', by: ({ machine }) => machine.mkdir(target) },
  {
    what: 'a link was put in its place',
    found: 'drifted',
    by: ({ machine }) => machine.symlink(target, '/etc/shadow'),
  },
]

const fixture = (
  about: string,
  setting: Setting,
  more: Partial<ActionFixture<'quarantine-file'>> = {},
): ActionFixture<'quarantine-file'> => ({
  name: 'quarantine-file',
  platform: 'linux',
  implementation: linux,
  about,
  scene: () => sceneOf(setting),
  changes: changes(setting.target ?? '/home/u/evil'),
  ...more,
})

const sealed: Partial<ActionFixture<'quarantine-file'>> = {
  afterwards: async ({ vault }) => {
    await vault.seal()
  },
}

const immutable = (machine: ModelMachine, target: string) => machine.change(target, { flags: 0x10 })

actionContract(fixture('on the file system of the vault, not sealed yet', {}))
actionContract(fixture('on the file system of the vault, sealed', {}, sealed))
actionContract(fixture('on another file system', { target: '/data/x/evil' }, sealed))
actionContract(fixture('immutable', { build: immutable }, sealed))
actionContract(fixture('immutable, on another file system', { target: '/data/evil', build: immutable }, sealed))
actionContract(fixture('without the rights of the system', { privileged: false }, sealed))
