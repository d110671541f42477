import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openRelay, type Relay } from './relay.ts'

const address = '127.99.0.1'
let server: Server
let relay: Relay
let jitter: () => number
/** The far ends, as the control plane sees them. */
let arrived: Socket[]
let waiting: ((socket: Socket) => void)[]

beforeEach(async () => {
  arrived = []
  waiting = []
  jitter = () => 0.5
  server = createServer((socket) => {
    socket.on('error', () => undefined)
    arrived.push(socket)
    waiting.shift()?.(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  relay = await openRelay({
    random: () => jitter(),
    to: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
  })
})
afterEach(async () => {
  await relay.close()
  for (const socket of arrived) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

const nextArrival = (): Promise<Socket> => new Promise((resolve) => waiting.push(resolve))
const call = (): Socket => connect({ host: address, port: relay.port }).on('error', () => undefined)
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.on('close', () => resolve()))
const heard = (socket: Socket, bytes: number): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.length >= bytes) resolve(text)
    })
  })

describe('[SIM1] the network between', () => {
  test('a site that vanishes while a device is about to connect keeps nobody waiting, and lets it in later', async () => {
    const door = relay.door(address)
    const unlocking = door.unlock()
    await Promise.resolve()
    door.setReach('swallows')
    await unlocking
    door.setReach('open')
    await door.unlock()
    const there = nextArrival()
    call()
    expect((await there).remoteAddress).toBe(address)
  })

  test('each device comes from an address of its own, and bytes pass in order through latency', async () => {
    const door = relay.door(address, { latencyMs: 3, jitterMs: 8 })
    await door.unlock()
    const there = nextArrival()
    const device = call()
    const far = await there
    expect(far.remoteAddress).toBe(address)
    const numbers = Array.from({ length: 50 }, (_, at) => `${at};`)
    const text = numbers.join('')
    const received = heard(far, text.length)
    for (const number of numbers) {
      device.write(number)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await received).toBe(text)
  })

  test('bytes pass in order through jitter, on a machine that is late for every timer', async () => {
    let drawn = 0
    jitter = () => (drawn++ % 7) / 7
    const door = relay.door(address, { latencyMs: 3, jitterMs: 20 })
    await door.unlock()
    const there = nextArrival()
    const device = call()
    const far = await there
    const numbers = Array.from({ length: 400 }, (_, at) => `${at};`)
    const text = numbers.join('')
    const received = heard(far, text.length)
    for (const number of numbers) {
      device.write(number)
      await new Promise((resolve) => setImmediate(resolve))
      // Timers that are set in one turn are counted from its beginning, however long it takes.
      for (const until = performance.now() + 0.7; performance.now() < until; );
    }
    expect(await received).toBe(text)
  })

  test('a cut is felt on both sides', async () => {
    const door = relay.door(address)
    await door.unlock()
    const there = nextArrival()
    const device = call()
    const far = await there
    const both = [closed(device), closed(far)]
    door.cut()
    await Promise.all(both)
    expect(relay.counts().cut).toBe(1)
  })

  test('a frozen connection tells nobody: one side goes, and the other stays', async () => {
    const door = relay.door(address)
    await door.unlock()
    const there = nextArrival()
    const device = call()
    const far = await there
    let told = ''
    far.on('data', (chunk: Buffer) => {
      told += chunk.toString()
    })
    far.on('close', () => {
      told += 'closed'
    })
    door.freeze()
    device.write('hello')
    const gone = closed(device)
    device.destroy()
    await gone
    // The device comes back by a new connection, while the old one is still open at the control plane.
    await door.unlock()
    const again = nextArrival()
    call()
    await again
    expect(told).toBe('')
    expect(far.destroyed).toBe(false)
  })

  test('a door that refuses lets nobody in, one that swallows never answers', async () => {
    const door = relay.door(address)
    door.setReach('refuses')
    await door.unlock()
    await closed(call())
    door.setReach('swallows')
    await door.unlock()
    const device = call()
    await new Promise((resolve) => device.on('connect', resolve))
    expect(arrived).toEqual([])
    door.setReach('open')
    await door.unlock()
    const there = nextArrival()
    call()
    await there
    expect(arrived).toHaveLength(1)
  })
})
