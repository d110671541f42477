import { readFileSync } from 'node:fs'
import { arch, hostname, networkInterfaces } from 'node:os'
import type { FilePath } from '../../../protocol/file-path.ts'
import { HostError, type Machine } from '../host.ts'
import { must, mustNode, quietly } from './failures.ts'
import { CLOCK_BOOTTIME, type Libc } from './libc.ts'
import { dpkgPackages } from './packages.ts'
import { bytesOf } from './path-bytes.ts'
import { protectionOf } from './protection.ts'

export interface MachineOptions {
  readonly libc: Libc
  /** See {@link protectionOf}. */
  readonly agentPaths: readonly FilePath[]
  readonly vaultPaths: readonly FilePath[]
}

export const linuxMachine = ({ libc, agentPaths, vaultPaths }: MachineOptions): Machine => {
  const packages = dpkgPackages()
  const boot = readBootId()
  return {
    bootId: () => boot,
    bootTimeMs: () => {
      const time = Buffer.alloc(16)
      must(libc.clockGettime(CLOCK_BOOTTIME, time), 'read the clock')
      return Number(time.readBigInt64LE(0)) * 1_000 + Number(time.readBigInt64LE(8)) / 1_000_000
    },
    nowMs: () => Date.now(),
    facts: () => ({ ...systemName(), hostName: hostname(), architecture: arch(), addresses: addresses() }),
    privileged: () => process.geteuid?.() === 0,
    protects: (path, file) => protectionOf(path, file, { agentPaths, vaultPaths, packages }),
    owningPackage: (path) => packages.ownerOf(bytesOf(path)),
  }
}

function readBootId(): string {
  const id = mustNode('read the id of this boot', () =>
    readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'),
  ).trim()
  if (!/^[0-9a-f-]{36}$/.test(id)) throw new HostError('io_failed', 'the id of this boot is none')
  return id
}

/** os-release(5): the first of two places that is there. */
function systemName(): { osName: string; osVersion: string } {
  const read = (path: string) => quietly(() => readFileSync(path, 'utf8'))
  const text = read('/etc/os-release') ?? read('/usr/lib/os-release') ?? ''
  const value = (key: string) => {
    const written = new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.trim()
    return written?.replace(/^(["'])(.*)\1$/, '$2').replace(/\\(["'$`\\])/g, '$1')
  }
  return { osName: value('NAME') ?? 'Linux', osVersion: value('VERSION_ID') ?? '' }
}

/** Those that others can reach: neither loopback nor link-local. */
const addresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address) && !address.startsWith('169.254.'))
    .map(({ address }) => address)
