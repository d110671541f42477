import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { closing } from '../../protocol/closing.ts'
import { type ActionId, newId } from '../../protocol/ids.ts'
import type { Report } from '../../protocol/messages.ts'
import { type Plane, startPlane } from './control-plane.ts'
import { enrolNew, helloOf, rawDevice, until, welcomed } from './device.ts'

let plane: Plane
beforeAll(async () => {
  plane = await startPlane({ limits: { others: { burst: 40, perSecond: 5 }, reportsWaiting: 64 } })
})
afterAll(() => plane.stop())

const newActionId = () => newId<ActionId>({ nowMs: Date.now, random16: () => randomBytes(16) })
const received = (actionId = newActionId()): Report => ({ kind: 'received', actionId, at: 1 })
const device = async () => (await enrolNew(plane)).identity

describe('[TRU6] what a device says is hostile', () => {
  test('a frame above the limit ends the connection', async () => {
    const raw = await welcomed(await device())
    raw.socket.send(Buffer.alloc(1_048_577))
    expect((await raw.ended).code).toBe(1009)
  })

  test('a deep one, a text one and one that is no message are answered, and end it when they go on', async () => {
    const raw = await welcomed(await device())
    raw.say(Buffer.concat([Buffer.alloc(200, 0x91), Buffer.from([0xc0])]))
    expect(await raw.next('trouble')).toMatchObject({ code: 'frame_malformed' })
    raw.socket.send('text')
    raw.say({ type: 'report', sequence: 'one' })
    raw.say([1, 2, 3])
    raw.say({ type: 'hello' })
    expect((await raw.ended).code).toBe(closing.malformed)
  })

  test('a message of an unknown type is answered and the connection goes on', async () => {
    const raw = await welcomed(await device())
    raw.say({ type: 'telemetry', anything: [1] })
    expect(await raw.next('trouble')).toEqual({ type: 'trouble', code: 'message_unknown', about: 'telemetry' })
    raw.say({ type: 'report', sequence: 1, report: received() })
    expect(await raw.next('stored')).toMatchObject({ sequence: 1 })
    raw.socket.close()
  })

  test('a flood of small talk is cut off', async () => {
    const raw = await welcomed(await device())
    for (let at = 0; at < 100; at++) raw.say({ type: 'trouble', code: 'internal', about: 'x' })
    expect((await raw.ended).code).toBe(closing.flooded)
    expect(raw.heard.at(-1)).toMatchObject({ code: 'flooded' })
  })

  test('reports beyond what may wait are a flood; what waits at all devices together is counted back to nothing', async () => {
    const identity = await device()
    const raw = await welcomed(identity)
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    plane.actions.beforeTake = () => held
    for (let sequence = 1; sequence <= 400; sequence++) raw.say({ type: 'report', sequence, report: received() })
    expect((await raw.ended).code).toBe(closing.flooded)
    plane.actions.beforeTake = async () => undefined
    release()
    await until(() => plane.gateway.counts().waitingBytes === 0)
  })

  test('a device that sends more than the store takes is not read from, and not cut off', async () => {
    const raw = await welcomed(await device())
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    plane.actions.beforeTake = () => held
    const before = plane.actions.taken.length
    const big: Report = {
      kind: 'effect',
      actionId: newActionId(),
      effect: 'unknown',
      cause: 'proved',
      at: 1,
      evidence: Array.from({ length: 100 }, () => ({ subject: 'file', found: 'x'.repeat(4_000), holds: true, at: 1 })),
    }
    for (let sequence = 1; sequence <= 30; sequence++) raw.say({ type: 'report', sequence, report: big })
    await until(() => plane.gateway.counts().waitingBytes >= 2 * 1_048_576)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(plane.gateway.counts().waitingBytes).toBeLessThan(4 * 1_048_576)
    plane.actions.beforeTake = async () => undefined
    release()
    await until(() => plane.actions.taken.length === before + 30)
    raw.socket.close()
  })

  test('numbers out of order are not taken', async () => {
    const identity = await device()
    const raw = await welcomed(identity)
    raw.say({ type: 'report', sequence: 1, report: received() })
    raw.say({ type: 'report', sequence: 3, report: received() })
    expect(await raw.next('trouble')).toMatchObject({ code: 'message_malformed', about: 'report' })
    raw.say({ type: 'report', sequence: 2, report: received() })
    await until(() => plane.actions.taken.filter(({ device: by }) => by === identity.deviceId).length === 2)
    raw.socket.close()
  })

  test('a control plane that forgot what the device forgot too goes on, and writes the hole down', async () => {
    const identity = await device()
    const raw = await welcomed(identity)
    raw.say({ type: 'report', sequence: 8, report: received() })
    expect(await raw.next('stored')).toMatchObject({ sequence: 8 })
    expect(await plane.auditKinds()).toContain('device.reports-lost')
    raw.socket.close()
  })

  test('before the hello nothing else is listened to', async () => {
    const raw = rawDevice(await device())
    raw.socket.on('open', () => raw.say({ type: 'report', sequence: 1, report: received() }))
    expect((await raw.ended).code).toBe(closing.malformed)
  })

  test('who hangs up while it waits with others, behind its request or its hello, harms nobody', async () => {
    const slow = await startPlane({ limits: { togetherMs: 100 } })
    const { identity } = await enrolNew(slow)
    const { caPem, certificatePem, privateKeyPem } = identity
    const behindRequest = async () => {
      const there = { host: '127.0.0.1', port: identity.gateway.port }
      const socket = connect({ ...there, ca: caPem, cert: certificatePem, key: privateKeyPem })
      await once(socket, 'secureConnect')
      const asking = ['GET /v1/device HTTP/1.1', 'Host: it', 'Connection: Upgrade', 'Upgrade: websocket']
      const key = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']
      await new Promise((written) => socket.write([...asking, ...key, '', ''].join('\r\n'), written))
      socket.destroy()
    }
    const behindHello = async () => {
      const raw = rawDevice(identity)
      await once(raw.socket, 'open')
      raw.say(helloOf(identity))
      raw.socket.terminate()
    }
    await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? behindRequest() : behindHello())))
    const raw = await welcomed(identity)
    await until(() => slow.gateway.counts().connected === 1)
    raw.socket.close()
    await slow.stop()
  })

  test('a half-open connection is noticed', async () => {
    let laterMs = 0
    const attentive = await startPlane({ monotonicMs: () => performance.now() + laterMs })
    const { identity } = await enrolNew(attentive)
    const raw = await welcomed(identity)
    // The socket stays open and answers nothing, as behind a cable that was pulled.
    raw.socket.pause()
    laterMs = 120_000
    await until(() => !attentive.gateway.connected(identity.deviceId))
    raw.socket.terminate()
    await attentive.stop()
  })
})
