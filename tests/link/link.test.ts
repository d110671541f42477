import { randomBytes } from 'node:crypto'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readIdentity } from '../../agent/link/identity.ts'
import type { Link } from '../../agent/link/link.ts'
import { openPlaces } from '../../agent/link/places.ts'
import { type ActionId, newId } from '../../protocol/ids.ts'
import type { Report } from '../../protocol/messages.ts'
import { revokeDevice } from '../../server/devices/devices.ts'
import { type Plane, startPlane } from './control-plane.ts'
import { enrolNew, linkOf, newFolder, until } from './device.ts'

let plane: Plane
const links: Link[] = []
beforeAll(async () => {
  plane = await startPlane()
})
afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.stop()))
})
afterAll(() => plane.stop())

const newActionId = () => newId<ActionId>({ nowMs: Date.now, random16: () => randomBytes(16) })
const report = (): Report => ({ kind: 'begun', actionId: newActionId(), at: 1 })

/** A link that is stopped after the test. */
function started(...args: Parameters<typeof linkOf>): ReturnType<typeof linkOf> {
  const made = linkOf(...args)
  links.push(made.link)
  return made
}

describe('the link', () => {
  test('says hello, states what is in force, and brings key, grant and reports where they belong', async () => {
    const enrolled = await enrolNew(plane)
    const { link, model } = started(enrolled)
    for (let at = 0; at < 600; at++) model.add(report())
    await until(() => model.left() === 0 && model.told.grants.length === 1)
    expect(link.state()).toMatchObject({ link: 'connected', trouble: null })
    expect(model.told.restated).toBe(1)
    const mine = plane.actions.taken.filter(({ device }) => device === enrolled.identity.deviceId)
    expect(mine.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 600 }, (_, at) => at + 1))
  })

  test('answers a preview of the control plane', async () => {
    const enrolled = await enrolNew(plane)
    const { link } = started(enrolled)
    await until(() => link.state().link === 'connected')
    const ask = { kind: 'undo', undoOf: newActionId() } as const
    expect(await plane.gateway.preview(enrolled.identity.deviceId, ask, 60_000)).toMatchObject({ answer: 'ready' })
  })

  test('[JRN4] goes on where it was when the control plane is started again', async () => {
    const first = await startPlane()
    const enrolled = await enrolNew(first)
    const { link, model } = started(enrolled)
    for (let at = 0; at < 5; at++) model.add(report())
    await until(() => model.left() === 0)
    const port = first.gateway.port
    await first.stop(true)
    for (let at = 0; at < 5; at++) model.add(report())
    await until(() => link.state().link === 'waiting')
    const second = await startPlane({ folder: first.folder, port })
    await until(() => model.left() === 0)
    expect(second.actions.taken.map(({ sequence }) => sequence)).toEqual([6, 7, 8, 9, 10])
    await link.stop()
    await second.stop()
  })

  test('[TRU1] renews its certificate at two thirds of its life, with a new key, and comes back with it', async () => {
    const short = await startPlane({ lives: { certificateLifeMs: 3_600_000 } })
    const enrolled = await enrolNew(short)
    const { link } = linkOf(enrolled, { aheadMs: 1_800_000 })
    await until(() => readIdentity(enrolled.folder)?.certificatePem !== enrolled.identity.certificatePem)
    await link.stop()
    const renewed = readIdentity(enrolled.folder)
    expect(renewed?.deviceId).toBe(enrolled.identity.deviceId)
    expect(renewed?.privateKeyPem).not.toBe(enrolled.identity.privateKeyPem)
    expect(await short.auditKinds()).toContain('device.certificate-renewed')
    if (renewed === null) throw new Error('the identity is gone')
    const again = linkOf({ folder: enrolled.folder, identity: renewed })
    await until(() => again.link.state().link === 'connected')
    await again.link.stop()
    await short.stop()
  })

  test('a clock that runs behind does not renew', async () => {
    const enrolled = await enrolNew(plane)
    const { link } = started(enrolled, { aheadMs: -90 * 86_400_000 })
    await until(() => link.state().link === 'connected')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(readIdentity(enrolled.folder)).toEqual(enrolled.identity)
  })

  test('[TRU1] a revoked device knows that it is', async () => {
    const enrolled = await enrolNew(plane)
    const { link } = started(enrolled)
    await until(() => link.state().link === 'connected')
    await revokeDevice(plane.deps, enrolled.identity.deviceId, 'lost', 'operator:test')
    await plane.gateway.refuse(enrolled.identity.deviceId)
    await until(() => link.state().trouble?.code === 'device_revoked')
    // It tries again, seldom; that the gateway then breaks off without a word makes it no less true.
    const tries = new Set<number>()
    await until(() => tries.add(link.state().since).size > 6)
    expect(link.state().trouble).toMatchObject({ code: 'device_revoked' })
  })

  test('a server under another CA is not talked to', async () => {
    const other = await startPlane()
    const enrolled = await enrolNew(plane)
    const { link, model } = started(enrolled, { gatewayPort: other.gateway.port })
    await until(() => link.state().trouble?.code === 'server_untrusted')
    expect(model.told.restated).toBe(0)
    await link.stop()
    await other.stop()
  })

  test('a device of the same CA cannot play the server', async () => {
    const [enrolled, impostor] = [await enrolNew(plane), await enrolNew(plane)]
    const server = createTlsServer({ key: impostor.identity.privateKeyPem, cert: impostor.identity.certificatePem })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { link } = started(enrolled, { gatewayPort: (server.address() as { port: number }).port })
    await until(() => link.state().trouble?.code === 'server_untrusted')
    await link.stop()
    server.close()
  })

  test('a gateway that falls silent is left and another connection is made; one that only answers pings is not', async () => {
    const enrolled = await enrolNew(plane)
    const near: Socket[] = []
    let [asked, answers, looks] = [0, 0, 0]
    let laterMs = 0
    const wire = createServer((socket) => {
      near.push(socket)
      const far = connect(plane.gateway.port, '127.0.0.1')
      socket.on('error', () => far.destroy()).on('close', () => far.destroy())
      socket.on('data', () => asked++)
      far.on('data', () => answers++)
      far.on('error', () => socket.destroy())
      socket.pipe(far).pipe(socket)
    })
    await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve))
    const gatewayPort = (wire.address() as AddressInfo).port
    const monotonicMs = () => {
      looks++
      return performance.now() + laterMs
    }
    const { link, model } = started(enrolled, { gatewayPort, monotonicMs })
    await until(() => link.state().link === 'connected' && model.told.grants.length === 1)
    const { since } = link.state()
    for (let minute = 0; minute < 3; minute++) {
      const before = answers
      laterMs += 60_000
      await until(() => answers > before)
      // It asks at each look for as long as it has not heard the answer.
      for (let calm = false; !calm; ) {
        const [askedBefore, looksBefore] = [asked, looks]
        await until(() => looks >= looksBefore + 4)
        calm = asked === askedBefore
      }
    }
    expect([near.length, link.state().since]).toEqual([1, since])
    // A cable is pulled: both ends stay open and nothing passes.
    near[0]?.unpipe()
    near[0]?.pause()
    laterMs += 120_000
    await until(() => near.length === 2 && link.state().link === 'connected')
    await link.stop()
    wire.close()
    for (const socket of near) socket.destroy()
  })

  test('two links of one device do not chase one another without a pause', async () => {
    const enrolled = await enrolNew(plane)
    const one = started(enrolled, { limits: { slowMs: 60_000 } })
    await until(() => one.link.state().link === 'connected')
    const other = started(enrolled, { limits: { slowMs: 60_000 } })
    await until(() => other.link.state().link === 'connected' && one.link.state().link === 'waiting')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([one.link.state().link, other.link.state().link]).toEqual(['waiting', 'connected'])
  })
})

describe('places', () => {
  const at = (gateway: string, canary = gateway) => ({
    gateway: { host: gateway, port: 8443 },
    canary: { host: canary, port: 9 },
  })

  test('[ISO1] only addresses that have proven themselves are spared, and they are remembered', () => {
    const folder = newFolder()
    const places = openPlaces(folder, at('control.example'))
    expect(places.bounds()).toEqual({ controlPlane: [], canaries: [] })
    places.proven('::ffff:192.0.2.1')
    places.proven('2001:db8::1')
    const controlPlane = [
      { address: '2001:db8::1', port: 8443 },
      { address: '192.0.2.1', port: 8443 },
    ]
    const canaries = controlPlane.map(({ address }) => ({ address, port: 9 }))
    expect(places.bounds()).toEqual({ controlPlane, canaries })
    expect(openPlaces(folder, at('control.example')).bounds()).toEqual({ controlPlane, canaries })
  })

  test('an address in place of a name is spared from the start', async () => {
    const places = openPlaces(newFolder(), at('192.0.2.9', '192.0.2.10'))
    expect(places.bounds()).toEqual({
      controlPlane: [{ address: '192.0.2.9', port: 8443 }],
      canaries: [{ address: '192.0.2.10', port: 9 }],
    })
    expect(await places.address(3)).toBe('192.0.2.9')
  })

  test('a proven address is tried before the name is asked, and again when the name says nothing', async () => {
    const places = openPlaces(newFolder(), at('does-not-exist.invalid'))
    places.proven('192.0.2.1')
    expect(await places.address(0)).toBe('192.0.2.1')
    expect(await places.address(1)).toBe('192.0.2.1')
  })
})
