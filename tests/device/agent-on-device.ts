import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { bundleAgent } from '../../scripts/bundle.ts'
import type { LinuxDevice } from './linux-device.ts'

const root = join(import.meta.dirname, '../..')
const program = '/usr/lib/recourse/recourse-agent.cjs'

/** What an installation puts on a device: the bundle, the unit, and nothing else. The bytes by their place. */
export type Installation = ReadonlyMap<string, Buffer>

export async function bundleForDevice(folder: string): Promise<Installation> {
  const { files } = await bundleAgent({ entry: join(root, 'agent/main.ts'), outputFolder: join(folder, 'bundle') })
  const unit = readFileSync(join(root, 'agent/recourse-agent.service'))
  // The project's own Node; a device of yours has one in /usr/bin.
  const start = `${process.execPath} ${program} run --state /var/lib/recourse --policy /etc/recourse/policy.json`
  return new Map([
    ...files.map(({ path }): [string, Buffer] => [`/usr/lib/recourse/${basename(path)}`, readFileSync(path)]),
    ['/etc/systemd/system/recourse-agent.service', unit],
    [
      '/etc/systemd/system/recourse-agent.service.d/node.conf',
      Buffer.from(`[Service]\nExecStart=\nExecStart=${start}\n`),
    ],
  ])
}

/** Installs the agent as an administrator would, enrols it and starts it as a service that every boot starts again. */
export async function installAgent(
  device: LinuxDevice,
  installation: Installation,
  { enrolPort, token }: { readonly enrolPort: number; readonly token: string },
): Promise<void> {
  await device.run(['mkdir', '-p', '/usr/lib/recourse', '/etc/systemd/system/recourse-agent.service.d'])
  for (const [path, bytes] of installation) await device.put(path, bytes)
  const server = `${device.server.v4}:${enrolPort}`
  await device.run([process.execPath, program, 'enrol', '--server', server, '--token', '-'], { input: token })
  await device.run(['systemctl', 'daemon-reload'])
  await device.run(['systemctl', 'enable', '--now', 'recourse-agent.service'])
}

/** Runs the agent's own command line on the device. */
export const onDevice = (device: LinuxDevice, ...words: string[]) => device.exec([process.execPath, program, ...words])
