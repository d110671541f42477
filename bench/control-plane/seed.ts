import { createHash, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import { openAuthority } from '../../server/devices/ca.ts'
import { systemSource } from '../../server/source.ts'
import { openSqlite } from '../../server/store/sqlite.ts'
import { type Enrolled, writeEnrolled } from '../enrolled.ts'

/** Devices that a control plane knows, and what they need to connect. All have one key: only the certificates differ. */
export interface SeededFleet {
  readonly caPem: string
  readonly privateKeyPem: string
  readonly devices: readonly Pick<Enrolled, 'id' | 'pem'>[]
}

const day = 86_400_000

/** Writes devices into the folder of a control plane that is not running, as if they had enrolled. */
export async function seedFleet(dataFolder: string, count: number): Promise<SeededFleet> {
  const source = systemSource
  const store = await openSqlite({ folder: dataFolder })
  try {
    const authority = await openAuthority({ directory: join(dataFolder, 'ca'), source })
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
    const keyHash = createHash('sha256').update(spki).digest('hex')
    const devices: Enrolled[] = []
    while (devices.length < count) {
      const id = newId<DeviceId>(source)
      devices.push({ id, keyHash, ...(await authority.issueDevice(id, spki, 30 * day)) })
    }
    await writeEnrolled(store, devices)
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { caPem: authority.certificatePem, privateKeyPem, devices }
  } finally {
    await store.close()
  }
}
