import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { HostError, type IsolationRules } from '../host.ts'
import { mustNode } from './failures.ts'
import { renderIsolation } from './isolation-table.ts'
import { ensurePrivateFolder } from './nft.ts'
import { type Programs, runProgram } from './run-program.ts'

/**
 * Isolation over a restart of the machine (ISO3): a systemd unit of our own that loads the rules before the network comes up.
 *
 * INVARIANTS
 * - Three things on disk and nothing else: the rules, the unit, the link that enables it. Each appears whole (temporary name, fsync,
 *   rename, fsync of the folder), in this order; the link is what counts, and a restart in between finds either all or no effect.
 * - They go in the opposite order, so that a cut leaves no enabled unit without its rules.
 * - The configuration of nftables.service is not used: Debian's flushes the whole rule set, and it belongs to the administrator.
 * - systemd itself is told too, for what happens without a restart; that it could not be told takes nothing from the hold.
 *
 * Where systemd does not run the machine there is no hold: `hold` says tool_missing. The isolation then stands until a restart, and
 * from the next start of the agent on.
 */
export interface RestartHold {
  hold(rules: IsolationRules): Promise<void>
  forget(): Promise<void>
  held(rules: IsolationRules): boolean
}

export interface RestartHoldOptions {
  readonly stateFolder: string
  /** Units of the administrator, on the root file system, which is there before any other. */
  readonly unitFolder: string
  /** There when systemd runs this machine, see sd_booted(3). */
  readonly systemdMark: string
}

export const restartHold = (programs: Programs, options: RestartHoldOptions): RestartHold => {
  const rulesFile = join(options.stateFolder, 'isolation.nft')
  const unitFile = join(options.unitFolder, UNIT)
  const link = join(options.unitFolder, 'sysinit.target.wants', UNIT)
  const running = () => existsSync(options.systemdMark)

  const tellSystemd = async (...calls: readonly string[][]) => {
    const systemctl = running() ? programs.find('systemctl') : null
    if (systemctl === null) return
    for (const args of calls) {
      try {
        await runProgram(systemctl, args, { timeoutMs: 15_000 })
      } catch (error) {
        if (!(error instanceof HostError)) throw error
      }
    }
  }

  return {
    hold: async (rules) => {
      if (!running())
        throw new HostError('tool_missing', 'systemd does not run this machine; nothing would isolate it at its start')
      const why = unfitForUnit(options.stateFolder)
      if (why !== null) throw new HostError('tool_failed', why)
      const unit = unitText(programs.need('nft'), rulesFile)
      ensurePrivateFolder(options.stateFolder)
      mustNode('hold the isolation over a restart', () => {
        writeDurably(rulesFile, renderIsolation(rules), 0o600)
        writeDurably(unitFile, unit, 0o644)
        linkDurably(unitFile, link)
      })
      // Started, so that a restart of nftables.service brings it back even while no agent runs.
      await tellSystemd(['daemon-reload'], ['start', UNIT])
    },

    forget: async () => {
      // A cut while holding may have left a new one beside its place.
      const ours = [link, unitFile, rulesFile].flatMap((path) => [path, `${path}${FRESH}`])
      if (ours.filter(removeDurably).length === 0) return
      removeIfEmpty(dirname(link))
      await tellSystemd(['stop', UNIT], ['daemon-reload'])
    },

    held: (rules) => {
      const nft = programs.find('nft')
      return (
        nft !== null &&
        textOf(() => readFileSync(rulesFile, 'utf8')) === renderIsolation(rules) &&
        textOf(() => readFileSync(unitFile, 'utf8')) === unitText(nft, rulesFile) &&
        textOf(() => readlinkSync(link)) === unitFile
      )
    },
  }
}

export const UNIT = 'recourse-isolation.service'
const FRESH = '.new'

/** Why a unit cannot name this folder, or null. Units have several ways of quoting; plain names need none. */
export const unfitForUnit = (folder: string): string | null =>
  /^\/[A-Za-z0-9/._+-]+$/.test(folder)
    ? null
    : `the state folder ${JSON.stringify(folder)} has characters that a systemd unit would have to quote`

/**
 * Ordered before the network, and tied to nftables.service because that one flushes the rule set whenever it starts, stops or
 * reloads: a restart or reload of it is passed on. (A bare start of it is not; the agent that watches puts the table back.)
 */
const unitText = (
  nft: string,
  rulesFile: string,
) => `# Written by the Recourse agent. It goes away when the device is released.
[Unit]
Description=Isolation of this device by Recourse
DefaultDependencies=no
RequiresMountsFor=${dirname(rulesFile)}
ConditionPathExists=${rulesFile}
Wants=network-pre.target
Before=network-pre.target
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${nft} -f ${rulesFile}
ExecReload=${nft} -f ${rulesFile}

[Install]
WantedBy=sysinit.target
`

const writeDurably = (path: string, text: string, mode: number) => {
  const fresh = `${path}${FRESH}`
  rmSync(fresh, { force: true })
  const file = openSync(fresh, 'wx', mode)
  try {
    writeFileSync(file, text)
    fchmodSync(file, mode)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(fresh, path)
  syncFolder(dirname(path))
}

const linkDurably = (target: string, path: string) => {
  const folder = dirname(path)
  if (mkdirSync(folder, { recursive: true }) !== undefined) syncFolder(dirname(folder))
  const fresh = `${path}${FRESH}`
  rmSync(fresh, { force: true })
  symlinkSync(target, fresh)
  renameSync(fresh, path)
  syncFolder(folder)
}

/** True when there was something to remove. */
const removeDurably = (path: string): boolean =>
  mustNode('forget the isolation over a restart', () => {
    const there = textOf(() => readlinkSync(path)) !== null || existsSync(path)
    if (!there) return false
    rmSync(path, { force: true })
    syncFolder(dirname(path))
    return true
  })

/** As `systemctl disable` does. */
const removeIfEmpty = (folder: string) => {
  try {
    rmdirSync(folder)
  } catch {
    // Other units are enabled there.
  }
}

const syncFolder = (path: string) => {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** What is not there, or is something else, has no text. */
const textOf = (read: () => string): string | null => {
  try {
    return read()
  } catch {
    return null
  }
}
