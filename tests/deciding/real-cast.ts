import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { bundleForDevice, installAgent, onDevice } from '../device/agent-on-device.ts'
import { type LinuxDevice, startDevice } from '../device/linux-device.ts'
import type { Cast } from './cast.ts'

const lookScript = join(import.meta.dirname, '../e2e/odd-files-inside.ts')
const path = '/opt/updater/bin/update-helper'

/** Machines that have booted, without an agent yet. */
export interface RealDevices extends AsyncDisposable {
  /** An address of this machine that all of them reach. */
  readonly serverAddress: string
  cast(enrolPort: number): Promise<Cast>
}

interface Machine {
  readonly device: LinuxDevice
  readonly bytes: Buffer
  /** Everything about the dropper that a restore must bring back. */
  readonly before: string
  readonly miner: { readonly pid: number; readonly startedAt: string; readonly bootId: string }
}

/** Disposable Linux devices with the bundled agent as a service of their own systemd. */
export async function bootRealDevices(count: number): Promise<RealDevices> {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-story-'))
  const devices = await Promise.all(Array.from({ length: count }, () => startDevice({ name: 'story' })))
  const serverAddress = devices[0]?.server.v4 ?? ''
  for (const device of devices) {
    if (device.server.v4 === serverAddress) continue
    await device.run(['ip', 'route', 'add', serverAddress, 'via', device.server.v4])
  }
  return {
    serverAddress,
    cast: async (enrolPort) => castOf(await Promise.all(devices.map(furnish)), { folder, serverAddress, enrolPort }),
    async [Symbol.asyncDispose]() {
      await Promise.all(devices.map((device) => device.stop()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A set-user-id dropper of some size with an owner, an attribute and times of its own; and its miner, which nobody here is the parent of. */
async function furnish(device: LinuxDevice): Promise<Machine> {
  const bytes = randomBytes(300_001)
  await device.run(['mkdir', '-p', '/opt/updater/bin'])
  await device.put(path, bytes)
  await device.run(['chown', '1234:4321', path])
  await device.run(['chmod', '4751', path])
  await device.run(['setfattr', '-n', 'user.origin', '-v', 'somewhere', path])
  await device.run(['touch', '-d', '2025-03-04 05:06:07.123456789', path])
  await device.run(['systemd-run', '--quiet', '--unit=miner', 'sleep', '86400'])
  const pid = Number(await device.run(['systemctl', 'show', '-P', 'MainPID', 'miner']))
  const stat = await device.run(['cat', `/proc/${pid}/stat`])
  const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  const bootId = (await device.run(['cat', '/proc/sys/kernel/random/boot_id'])).trim()
  return { device, bytes, before: await look(device), miner: { pid, startedAt, bootId } }
}

/** What UND3 names of the dropper, as text; `null` when it is not there. */
const look = (device: LinuxDevice): Promise<string> =>
  device.run([
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    lookScript,
    'look',
    Buffer.from(path).toString('base64'),
  ])

const bytesOf = async (device: LinuxDevice): Promise<Buffer> =>
  Buffer.from(await device.run(['base64', '-w0', path]), 'base64')

function castOf(
  machines: readonly Machine[],
  { folder, serverAddress, enrolPort }: { folder: string; serverAddress: string; enrolPort: number },
): Cast {
  return {
    actors: machines.map(({ device, bytes }) => ({
      name: device.name,
      file: { path, sha256: createHash('sha256').update(bytes).digest('hex') },
    })),
    async enrol(token) {
      const bundle = await bundleForDevice(folder)
      const install = ({ device }: Machine) =>
        installAgent({ ...device, server: { ...device.server, v4: serverAddress } }, bundle, { enrolPort, token })
      await Promise.all(machines.map(install))
    },
    miner(name) {
      const found = machines.find(({ device }) => device.name === name)
      if (found === undefined) throw new Error(`there is no device ${name}`)
      return found.miner
    },
    async hurry() {
      // An agent that was killed looks at once: so its death is part of the story too.
      const restart = async ({ device }: Machine) => {
        await device.run(['systemctl', 'kill', '-s', 'SIGKILL', 'recourse-agent.service'])
        await device.run(['systemctl', 'restart', 'recourse-agent.service'])
      }
      await Promise.all(machines.map(restart))
    },
    async expectTaken() {
      for (const { device, miner } of machines) {
        expect(JSON.parse(await look(device))).toBeNull()
        expect((await device.exec(['test', '-e', `/proc/${miner.pid}`])).status).not.toBe(0)
        expect(JSON.parse((await onDevice(device, 'in-force', '--json')).stdout)).toHaveLength(1)
      }
    },
    async expectRestored() {
      for (const { device, bytes, before } of machines) {
        expect(JSON.parse(await look(device))).toEqual(JSON.parse(before))
        expect((await bytesOf(device)).equals(bytes)).toBe(true)
      }
    },
  }
}
