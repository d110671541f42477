// A process full of devices; a process may open a limited number of sockets, so there are several. Driven by client-calls.ts.

import { createHash, generateKeyPairSync } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import { openAuthority } from '../../server/devices/ca.ts'
import { systemSource } from '../../server/source.ts'
import type { Enrolled } from '../enrolled.ts'
import { answers } from './calls.ts'
import { connectDevices, countDevices, cutDevices, makeDevices } from './client-calls.ts'
import { helloOf, type LightDevice, openLightDevice } from './light-device.ts'

interface Identity {
  readonly hello: Uint8Array
  readonly context: SecureContext
}

/** One server that is connected to: the connections by number of the device, and the tickets it gave. */
interface Place {
  readonly open: Map<number, LightDevice>
  readonly tickets: Map<number, Buffer>
  endedByServer: number
}

const lifeMs = 30 * 86_400_000
const identities: Identity[] = []
const places = new Map<string, Place>()

const placeOf = (name: string): Place => {
  const found = places.get(name) ?? { open: new Map(), tickets: new Map(), endedByServer: 0 }
  places.set(name, found)
  return found
}

answers(makeDevices, async ({ authority: directory, count }) => {
  const authority = await openAuthority({ directory, source: systemSource })
  const devices: Enrolled[] = []
  for (let made = 0; made < count; made++) {
    const id = newId<DeviceId>(systemSource)
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
    const { pem, serial, notAfter } = await authority.issueDevice(id, spki, lifeMs)
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
    const ca = authority.certificatePem
    identities.push({
      hello: helloOf(id),
      context: createSecureContext({ ca, cert: pem, key, minVersion: 'TLSv1.3' }),
    })
    devices.push({ id, serial, keyHash: createHash('sha256').update(spki).digest('hex'), pem, notAfter })
  }
  return { devices }
})

answers(connectDevices, async ({ place: name, port, from, to, atOnce, resume }) => {
  const place = placeOf(name)
  const begun = performance.now()
  const before = process.cpuUsage()
  let next = from
  let resumed = 0
  let failures = 0
  const one = async (number: number): Promise<void> => {
    const identity = identities[number]
    if (identity === undefined) throw new Error(`there is no device ${number}`)
    const device = openLightDevice({
      port,
      secureContext: identity.context,
      session: resume ? place.tickets.get(number) : undefined,
      hello: identity.hello,
      ended() {
        if (place.open.get(number) !== device) return
        place.open.delete(number)
        place.endedByServer++
      },
    })
    place.open.set(number, device)
    const welcome = await device.welcomed.catch(() => null)
    if (welcome === null) {
      // As an agent does it: again, until it is in.
      place.open.delete(number)
      failures++
      if (failures > 1_000) throw new Error('the server lets nobody in')
      return one(number)
    }
    if (welcome.resumed) resumed++
  }
  const line = async () => {
    while (next < to) await one(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, line))
  const { user, system } = process.cpuUsage(before)
  return { ms: performance.now() - begun, welcomed: to - from, resumed, failures, cpuMs: (user + system) / 1_000 }
})

answers(cutDevices, ({ place: name, from, to }) => {
  const place = placeOf(name)
  for (let number = from; number < to; number++) {
    const device = place.open.get(number)
    const ticket = device?.ticket()
    if (ticket !== undefined) place.tickets.set(number, ticket)
    place.open.delete(number)
    device?.cut()
  }
  return null
})

answers(countDevices, ({ place: name }) => {
  const { open, endedByServer } = placeOf(name)
  return { open: open.size, endedByServer }
})

process.on('disconnect', () => process.exit(0))
