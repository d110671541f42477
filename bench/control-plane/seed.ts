import { createHash, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { actionNames } from '../../protocol/actions/index.ts'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import type { DeviceFacts } from '../../protocol/messages.ts'
import { openAuthority } from '../../server/devices/ca.ts'
import { systemSource } from '../../server/source.ts'
import { openSqlite } from '../../server/store/sqlite.ts'

/** Devices that a control plane knows, and what they need to connect. All have one key: only the certificates differ. */
export interface SeededFleet {
  readonly caPem: string
  readonly privateKeyPem: string
  readonly devices: readonly { readonly id: DeviceId; readonly certificatePem: string }[]
}

const day = 86_400_000
const rowsPerWrite = 500

/** What every light device says of itself, in the order of the schema: the same text as in its row, so that a hello changes nothing. */
export const lightFacts: DeviceFacts = {
  platform: 'linux',
  osName: 'Debian GNU/Linux',
  osVersion: '12',
  hostName: 'light',
  architecture: 'x64',
  agentVersion: '0.1.0',
  bootId: '',
  simulated: true,
  addresses: ['192.0.2.1'],
  capabilities: actionNames.map((action) => ({ action, support: 'supported', reason: '' })),
}

/** Writes devices into the folder of a control plane that is not running, as if they had enrolled. */
export async function seedFleet(dataFolder: string, count: number): Promise<SeededFleet> {
  const source = systemSource
  const store = await openSqlite({ folder: dataFolder })
  try {
    const authority = await openAuthority({ directory: join(dataFolder, 'ca'), source })
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
    const keyHash = createHash('sha256').update(spki).digest('hex')
    const facts = JSON.stringify(lightFacts)
    const devices: { id: DeviceId; certificatePem: string }[] = []
    for (let from = 0; from < count; from += rowsPerWrite) {
      const now = source.nowMs()
      const some = await Promise.all(
        Array.from({ length: Math.min(rowsPerWrite, count - from) }, async () => {
          const id = newId<DeviceId>(source)
          return { id, issued: await authority.issueDevice(id, spki, 30 * day) }
        }),
      )
      await store.write(async (transaction) => {
        for (const [at, { id, issued }] of some.entries()) {
          const name = `light-${from + at}`
          await transaction
            .insertInto('device')
            .values({
              id,
              name,
              platform: 'linux',
              facts,
              tags: '[]',
              status: 'active',
              enrolled_at: now,
              token_id: 'bench',
              last_seen_at: now,
              in_force: '[]',
              in_force_at: null,
              simulated: 1,
              host_key: 'light',
            })
            .execute()
          await transaction
            .insertInto('certificate')
            .values({
              serial: issued.serial,
              device_id: id,
              key_hash: keyHash,
              pem: issued.pem,
              not_after: issued.notAfter,
              issued_at: now,
              revoked_at: null,
            })
            .execute()
          devices.push({ id, certificatePem: issued.pem })
        }
      })
    }
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { caPem: authority.certificatePem, privateKeyPem, devices }
  } finally {
    await store.close()
  }
}
