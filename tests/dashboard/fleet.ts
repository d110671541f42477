import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { registry } from '../../agent/actions/index.ts'
import { createCore } from '../../agent/core/create-core.ts'
import type { Log } from '../../agent/core/log.ts'
import { factsOf, findCapabilities } from '../../agent/facts.ts'
import { modelHost } from '../../agent/host/model/host.ts'
import { type ModelMachine, modelMachine } from '../../agent/host/model/machine.ts'
import { enrol } from '../../agent/link/enrol.ts'
import { type Link, startLink } from '../../agent/link/link.ts'
import { openPlaces } from '../../agent/link/places.ts'
import { openVault } from '../../agent/vault/open-vault.ts'
import type { Platform } from '../../protocol/action-spec.ts'
import { toFilePath } from '../../protocol/file-path.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import type { RunningServer } from '../../server/server.ts'

/** A device of a test: the real agent core and link, on a model machine. */
export interface SimulatedDevice {
  readonly id: DeviceId
  readonly name: string
  readonly machine: ModelMachine
  readonly link: Link
  /** Puts a file on it and says what to quarantine. */
  plant(path: string, content: string): { path: string; sha256: string }
  close(): Promise<void>
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }
const host = '127.0.0.1'

/** Enrols a device with the server and connects it. The machine is a model; everything above it is what runs on real devices. */
export async function simulateDevice(
  server: Pick<RunningServer, 'gatewayPort' | 'enrolPort' | 'enrolmentToken'>,
  folder: string,
  {
    name,
    seed,
    platform = 'linux',
    group = 'office',
  }: { name: string; seed: number; platform?: Platform; group?: string },
): Promise<SimulatedDevice> {
  const machine = modelMachine({ platform, seed, now: Date.now })
  const control = { address: host, port: server.gatewayPort }
  // The model lets loopback through an isolation, so what must not answer then lies elsewhere.
  const canary = { address: '203.0.113.53', port: 443 }
  for (const end of [control, canary]) machine.peer(end)
  const seat = modelHost(machine)
  const vaultFolder = platform === 'linux' ? '/var/lib/recourse/vault' : 'C:\\ProgramData\\Recourse\\vault'
  machine.mkdir(platform === 'linux' ? '/var/lib/recourse' : 'C:\\ProgramData\\Recourse', { mode: 0o700 })
  const capabilities = await findCapabilities(seat, registry)
  const facts = () => ({ ...factsOf(seat, capabilities), hostName: name, simulated: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const token = await server.enrolmentToken({ group, uses: 1, lifeMs: 600_000 })
  const { identity, address } = await enrol({ folder, host, port: server.enrolPort, token, facts: facts() })
  const path = toFilePath(vaultFolder)
  if (path === null) throw new Error('the vault has no place')
  const vault = await openVault({ host: seat, folder: path, random: randomBytes })
  const places = openPlaces(folder, identity)
  places.proven(address)
  const core = createCore({
    deviceId: identity.deviceId,
    host: seat,
    registry,
    vault,
    journalPath: join(folder, 'journal.db'),
    keys: identity.mandateKeys.map(({ keyId, publicKeyHex, recovery }) => ({
      keyId,
      publicKey: new Uint8Array(Buffer.from(publicKeyHex, 'hex')),
      recovery,
    })),
    policyPath: null,
    bounds: () => ({ ...places.bounds(), canaries: [canary] }),
    log: silent,
  })
  await core.start()
  const link = startLink({
    folder,
    identity,
    core,
    places,
    log: silent,
    facts,
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    random: Math.random,
    limits: { firstMs: 100, mostMs: 500 },
  })
  return {
    id: identity.deviceId,
    name,
    machine,
    link,
    plant: (file, content) => {
      machine.writeFile(file, content)
      return { path: file, sha256: createHash('sha256').update(content).digest('hex') }
    },
    close: async () => {
      await link.stop()
      await core.stop()
      vault.close()
    },
  }
}
