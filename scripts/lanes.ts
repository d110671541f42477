import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** A capability of this machine that some tests need, or the reason why it is not here. */
export type Lane =
  | { readonly name: string; readonly available: true }
  | { readonly name: string; readonly available: false; readonly reason: string }

const PROGRAM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
const DEVICE_PROGRAMS = ['nft', 'ip', 'unshare', 'nsenter', 'systemctl', 'dbus-daemon', 'setfattr', 'setfacl', 'setcap']
const NAMESPACES = ['--mount', '--pid', '--fork', '--uts', '--ipc', '--net', '--cgroup']

/** The lane of disposable Linux devices (`tests/device/linux-device.ts`): real namespaces, systemd and nftables, so root on Linux. */
export const deviceLane = (): Lane => {
  const name = 'device'
  const without = (reason: string): Lane => ({ name, available: false, reason })
  if (process.platform !== 'linux') return without(`a disposable Linux device needs Linux, this is ${process.platform}`)
  if (process.getuid?.() !== 0) return without('a disposable Linux device needs root')
  if (!existsSync('/lib/systemd/systemd')) return without('systemd is not installed')
  const missing = DEVICE_PROGRAMS.filter((program) => !PROGRAM_FOLDERS.some((it) => existsSync(join(it, program))))
  if (missing.length > 0) return without(`not installed: ${missing.join(', ')}`)
  const probe = spawnSync('unshare', [...NAMESPACES, 'true'], { timeout: 5000, encoding: 'utf8' })
  if (probe.status !== 0) return without(`this machine forbids new namespaces: ${probe.stderr.trim()}`)
  return { name, available: true }
}

/** Where Debian puts the browser; tests start no other. */
export const chromiumPath = '/usr/bin/chromium'

/** The lane of the dashboard's tests in a real browser. */
export const browserLane = (): Lane => {
  const name = 'browser'
  if (existsSync(chromiumPath)) return { name, available: true }
  return { name, available: false, reason: `there is no browser at ${chromiumPath} (Debian: apt-get install chromium)` }
}

/** Every lane by the name of its vitest project; a project that is not here runs everywhere. */
export const lanes: Readonly<Record<string, () => Lane>> = { device: deviceLane, browser: browserLane }
