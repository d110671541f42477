import { actionNames } from '../protocol/actions/index.ts'
import type { DeviceId } from '../protocol/ids.ts'
import type { DeviceFacts } from '../protocol/messages.ts'
import type { Store } from '../server/store/store.ts'

/** A device as enrolment leaves it. */
export interface Enrolled {
  readonly id: DeviceId
  readonly serial: string
  /** SHA-256 of its public key, hex. */
  readonly keyHash: string
  readonly pem: string
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

/** What every light device says of itself, in the order of the schema: the same text as in its row, so that a hello changes nothing. */
export const lightFacts: DeviceFacts = {
  platform: 'linux',
  osName: 'Debian GNU/Linux',
  osVersion: '12',
  hostName: 'light',
  architecture: 'x64',
  agentVersion: '0.1.0',
  bootId: 'f1b6d3ae-6a28-4e36-9d2a-0f5f4b7c9d10',
  simulated: true,
  addresses: ['192.0.2.7', '2001:db8::7'],
  capabilities: actionNames.map((action) => ({ action, support: 'supported', reason: '' })),
}

const rowsPerWrite = 500

/** Writes devices into a store as if they had enrolled just now. */
export async function writeEnrolled(store: Store, devices: readonly Enrolled[]): Promise<void> {
  const now = Date.now()
  const facts = JSON.stringify(lightFacts)
  for (let from = 0; from < devices.length; from += rowsPerWrite) {
    await store.write(async (transaction) => {
      for (const { id, serial, keyHash, pem, notAfter } of devices.slice(from, from + rowsPerWrite)) {
        await transaction
          .insertInto('device')
          .values({
            id,
            name: `light-${id}`,
            platform: 'linux',
            facts,
            tags: '[]',
            status: 'active',
            enrolled_at: now,
            token_id: 'bench',
            last_seen_at: null,
            in_force: '[]',
            in_force_at: null,
            simulated: 1,
            group_id: null,
            host_key: `light-${id}`,
          })
          .execute()
        await transaction
          .insertInto('certificate')
          .values({
            serial,
            device_id: id,
            key_hash: keyHash,
            pem,
            not_after: notAfter,
            issued_at: now,
            revoked_at: null,
          })
          .execute()
      }
    })
  }
}
