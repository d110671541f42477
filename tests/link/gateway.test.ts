import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Identity } from '../../agent/link/identity.ts'
import { closing } from '../../protocol/closing.ts'
import { encode } from '../../protocol/codec.ts'
import { type ActionId, type DeviceId, newId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Report } from '../../protocol/messages.ts'
import { revokeDevice } from '../../server/devices/devices.ts'
import { type Plane, startPlane } from './control-plane.ts'
import { enrolNew, helloOf, rawDevice, until, welcomed } from './device.ts'

let plane: Plane
beforeAll(async () => {
  plane = await startPlane()
})
afterAll(() => plane.stop())

const newActionId = () => newId<ActionId>({ nowMs: Date.now, random16: () => randomBytes(16) })
const received = (actionId = newActionId()): Report => ({ kind: 'received', actionId, at: 1 })
const orderOf = (size = 10): Order => ({
  mandate: { body: new Uint8Array(size), keyId: '0123456789abcdef', signature: new Uint8Array(64) },
  leaf: new Uint8Array(10),
  proof: { index: 0, size: 1, path: [] },
})
const device = async () => (await enrolNew(plane)).identity

/** Connects and says hello, however that ends. */
async function greet(identity: Parameters<typeof rawDevice>[0] & { deviceId: DeviceId }, says = identity.deviceId) {
  const raw = rawDevice(identity)
  raw.socket.on('open', () => raw.say({ ...helloOf(identity), deviceId: says }))
  return raw
}

describe('[TRU1] who comes in', () => {
  test('a device with its certificate is welcomed, and seen', async () => {
    const identity = await device()
    const raw = await welcomed(identity)
    expect(raw.heard[0]).toMatchObject({ type: 'welcome', protocol: 2, stored: 0 })
    expect(plane.gateway.connected(identity.deviceId)).toBe(true)
    raw.socket.close()
    await until(() => !plane.gateway.connected(identity.deviceId))
  })

  test('without a certificate, with one of another CA, with the certificate of a server, or with TLS 1.2, nobody does', async () => {
    const identity = await device()
    const other = await startPlane()
    const foreign = (await enrolNew(other)).identity
    const server = await plane.authority.issueServer(['127.0.0.1'])
    const attempts: Parameters<typeof rawDevice>[] = [
      [{ ...identity, certificatePem: '', privateKeyPem: '' }],
      [{ ...foreign, gateway: identity.gateway, caPem: identity.caPem }],
      [{ ...identity, certificatePem: server.chainPem, privateKeyPem: server.keyPem }],
      [identity, { maxVersion: 'TLSv1.2' }],
    ]
    for (const [who, options] of attempts) {
      expect(await refusedAtHandshake(() => rawDevice(who, options).ended)).toBe(true)
    }
    await other.stop()
  })

  test('a certificate without its key is of no use', async () => {
    const identity = await device()
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    expect((await rawDevice({ ...identity, privateKeyPem }).ended).error).toMatch(/key values mismatch/)
  })

  test('who calls itself by the id of another device is cut off; the certificate alone says who it is', async () => {
    const [one, other] = [await device(), await device()]
    const raw = await greet(one, other.deviceId)
    expect((await raw.ended).code).toBe(closing.malformed)
    expect(plane.gateway.connected(other.deviceId)).toBe(false)
  })

  test('a revoked device is cut off at once and refused at the handshake from then on, also with a session to resume', async () => {
    const identity = await device()
    const raw = await welcomed(identity)
    const session = await sessionOf(identity)
    // The ticket is good while the device is.
    expect(await resume(identity, session)).toEqual({ resumed: true, refused: false })
    expect(await revokeDevice(plane.deps, identity.deviceId, 'lost', 'operator:test')).toBeNull()
    await plane.gateway.refuse(identity.deviceId)
    expect((await raw.ended).code).toBe(closing.revoked)
    expect(await refusedAtHandshake(() => resume(identity, session))).toBe(true)
    expect(await refusedAtHandshake(() => rawDevice(identity).ended)).toBe(true)
    expect(await refusedAtHandshake(() => rawDevice(identity, { session }).ended)).toBe(true)
    expect(await plane.auditKinds()).toContain('device.revoked')
    // Everybody else goes on.
    const raw2 = await welcomed(await device())
    raw2.socket.close()
  })

  test('a device that resumes its session is who it was, also after a restart; another one revoked meanwhile is not let in by its ticket', async () => {
    const first = await startPlane()
    const [good, bad] = [(await enrolNew(first)).identity, (await enrolNew(first)).identity]
    const [ticket, badTicket] = [await sessionOf(good), await sessionOf(bad)]
    await first.stop(true)
    const second = await startPlane({ folder: first.folder })
    const at = <T extends Identity>(it: T): T => ({ ...it, gateway: { ...it.gateway, port: second.gateway.port } })
    expect(await resume(at(good), ticket)).toEqual({ resumed: true, refused: false })
    const raw = rawDevice(at(good), { session: ticket })
    raw.socket.on('open', () => raw.say(helloOf(good)))
    await raw.next('welcome')
    expect(second.gateway.connected(good.deviceId)).toBe(true)
    // A revocation shuts the tickets of before out, whether the control plane runs meanwhile or not.
    expect(await revokeDevice(second.deps, bad.deviceId, 'lost', 'operator:test')).toBeNull()
    await second.stop(true)
    const third = await startPlane({ folder: first.folder })
    const there = { ...bad, gateway: { ...bad.gateway, port: third.gateway.port } }
    expect(await resume(there, badTicket)).toEqual({ resumed: false, refused: true })
    await third.stop()
  })

  test('a certificate that is over opens nothing, neither by itself nor by the session it began', async () => {
    const first = await startPlane({ lives: { certificateLifeMs: 1_800_000 } })
    const { identity } = await enrolNew(first)
    const session = await sessionOf(identity)
    await first.stop(true)
    // The clock of TLS is that of the system; the control plane's own is three quarters of an hour ahead.
    const later = await startPlane({ folder: first.folder, aheadMs: 2_700_000 })
    const there = { ...identity, gateway: { ...identity.gateway, port: later.gateway.port } }
    for (const options of [{}, { session }]) expect((await rawDevice(there, options).ended).error).toMatch(/403/)
    await later.stop()
  })

  test('between revocation and the new list the door is shut too', async () => {
    const identity = await device()
    await revokeDevice(plane.deps, identity.deviceId, 'lost', 'operator:test')
    const raw = await greet(identity)
    expect((await raw.ended).code).toBe(closing.revoked)
  })

  test('the newest connection of a device wins', async () => {
    const identity = await device()
    const first = await welcomed(identity)
    const second = await welcomed(identity)
    expect((await first.ended).code).toBe(closing.replaced)
    expect(plane.gateway.connected(identity.deviceId)).toBe(true)
    second.say({ type: 'report', sequence: 1, report: received() })
    expect(await second.next('stored')).toMatchObject({ sequence: 1 })
    second.socket.close()
  })

  test('only one path leads in', async () => {
    expect((await rawDevice(await device(), { path: '/' }).ended).error).toMatch(/403/)
    expect((await rawDevice(await device(), { path: '/v1/device?x' }).ended).error).toMatch(/403/)
  })

  test('no version in common is said, not guessed', async () => {
    const identity = await device()
    const raw = rawDevice(identity)
    raw.socket.on('open', () => raw.say({ ...helloOf(identity), protocol: [999] }))
    expect((await raw.ended).code).toBe(closing.protocol)
    expect(raw.heard.at(-1)).toMatchObject({ type: 'trouble', code: 'protocol_unsupported' })
  })

  test('who says nothing is not waited for', async () => {
    let laterMs = 0
    const strict = await startPlane({
      limits: { helloWithinMs: 10_000 },
      monotonicMs: () => performance.now() + laterMs,
    })
    const raw = rawDevice((await enrolNew(strict)).identity)
    await once(raw.socket, 'open')
    laterMs = 10_000
    expect((await raw.ended).code).toBe(closing.silent)
    await strict.stop()
  })
})

describe('orders', () => {
  test('go to a device that connects, in the order of decision, and no more at a time than it has confirmed', async () => {
    const identity = await device()
    const queue = Array.from({ length: 80 }, () => ({ action: newActionId(), order: orderOf() }))
    plane.actions.orders.set(identity.deviceId, queue)
    const raw = await welcomed(identity)
    const orders = () => raw.heard.filter(({ type }) => type === 'order').length
    await until(() => orders() === 32)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(orders()).toBe(32)
    let sequence = 0
    for (const { action } of queue) {
      raw.say({ type: 'report', sequence: ++sequence, report: received(action) })
      await until(() => orders() >= Math.min(80, 32 + sequence))
    }
    expect(orders()).toBe(80)
    await until(() => plane.actions.orders.get(identity.deviceId)?.length === 0)
    raw.socket.close()
  })

  test('[LIFE4] one that may no longer go is not sent', async () => {
    const identity = await device()
    const [gone, stays] = [newActionId(), newActionId()]
    plane.actions.orders.set(identity.deviceId, [
      { action: gone, order: orderOf(1) },
      { action: stays, order: orderOf(2) },
    ])
    const { sending } = plane.actions
    plane.actions.sending = async (ids) => ids.filter((id) => id !== gone)
    const raw = await welcomed(identity)
    const first = await raw.next('order')
    expect(first.order.mandate.body).toHaveLength(2)
    plane.actions.sending = sending
    raw.socket.close()
  })

  test('one that stays unconfirmed is sent again', async () => {
    const quick = await startPlane({ limits: { confirmWithinMs: 60, pingEveryMs: 30, tickMs: 10 } })
    const { identity } = await enrolNew(quick)
    quick.actions.orders.set(identity.deviceId, [{ action: newActionId(), order: orderOf() }])
    const raw = await welcomed(identity)
    await until(() => raw.heard.filter(({ type }) => type === 'order').length >= 2)
    raw.socket.close()
    await quick.stop()
  })

  test('keys come before orders, then cancels; a nudge brings what was decided later', async () => {
    const identity = await device()
    const statement = plane.keys.mandate().sign('key', encode({ any: 1 }))
    plane.actions.keyStatements = async () => [statement]
    const cancelled = newActionId()
    plane.actions.cancels.set(identity.deviceId, [cancelled])
    plane.actions.orders.set(identity.deviceId, [{ action: newActionId(), order: orderOf() }])
    const raw = await welcomed(identity)
    await raw.next('order')
    expect(raw.heard.map(({ type }) => type).slice(0, 4)).toEqual(['welcome', 'key', 'cancel', 'order'])
    plane.actions.orders.get(identity.deviceId)?.push({ action: newActionId(), order: orderOf() })
    plane.gateway.nudge(identity.deviceId)
    await until(() => raw.heard.filter(({ type }) => type === 'order').length === 2)
    expect(plane.gateway.cancel(identity.deviceId, cancelled)).toBe(true)
    plane.actions.keyStatements = async () => []
    raw.socket.close()
    await until(() => !plane.gateway.connected(identity.deviceId))
    expect(plane.gateway.cancel(identity.deviceId, cancelled)).toBe(false)
  })

  test('[LIFE10] a preview is asked and answered; without a device, or without an answer, that is said', async () => {
    const identity = await device()
    const ask = { kind: 'undo', undoOf: newActionId() } as const
    await expect(plane.gateway.preview(identity.deviceId, ask, 1_000)).rejects.toMatchObject({ code: 'device_absent' })
    const raw = await welcomed(identity)
    const answer = plane.gateway.preview(identity.deviceId, ask, 60_000)
    const { request } = await raw.next('preview')
    const preview = { answer: 'refused', code: 'nothing_to_undo', detail: '', at: 1 } as const
    raw.say({ type: 'preview', request: request + 100, preview })
    raw.say({ type: 'preview', request, preview })
    expect(await answer).toEqual(preview)
    await expect(plane.gateway.preview(identity.deviceId, ask, 20)).rejects.toMatchObject({ code: 'tool_failed' })
    const open = plane.gateway.preview(identity.deviceId, ask, 60_000)
    raw.socket.terminate()
    await expect(open).rejects.toMatchObject({ code: 'device_absent' })
  })

  test('[UND7] a device leaves with a break-glass grant, and comes back to the same one', async () => {
    const identity = await device()
    const first = await welcomed(identity)
    const { grant } = await first.next('break-glass')
    const second = await welcomed(identity)
    expect((await second.next('break-glass')).grant).toEqual(grant)
    second.socket.close()
  })
})

/** Whether what was tried ended in one more refused handshake. */
async function refusedAtHandshake(tried: () => Promise<unknown>): Promise<boolean> {
  const before = plane.gateway.counts().refusedHandshakes
  await tried()
  await until(() => plane.gateway.counts().refusedHandshakes > before)
  return plane.gateway.counts().refusedHandshakes === before + 1
}

/** A session ticket of this device. */
function sessionOf(identity: Identity): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(tlsOptions(identity))
    socket.on('session', (ticket) => {
      resolve(ticket)
      socket.destroy()
    })
    socket.on('error', reject)
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  })
}

/** Whether a new TLS connection resumes the session, and whether it is refused. */
function resume(identity: Identity, session: Buffer): Promise<{ resumed: boolean; refused: boolean }> {
  return new Promise((resolve) => {
    const socket = connect({ ...tlsOptions(identity), session })
    let resumed = false
    socket.on('secureConnect', () => {
      resumed = socket.isSessionReused()
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    })
    socket.on('data', () => {
      resolve({ resumed, refused: false })
      socket.destroy()
    })
    socket.on('error', () => resolve({ resumed, refused: true }))
    socket.on('close', () => resolve({ resumed, refused: true }))
  })
}

const tlsOptions = (identity: Identity) => ({
  host: '127.0.0.1',
  port: identity.gateway.port,
  ca: identity.caPem,
  cert: identity.certificatePem,
  key: identity.privateKeyPem,
})
