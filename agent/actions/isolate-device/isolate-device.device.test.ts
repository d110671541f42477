import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { InverseOf } from '../../../protocol/action-spec.ts'
import type { Catalogue } from '../../../protocol/actions/index.ts'
import type { Evidence } from '../../../protocol/outcome.ts'
import { type ServedHere, serveHere, serveOnPeer } from '../../../tests/device/echo-servers.ts'
import { type LinuxDevice, startDevice } from '../../../tests/device/linux-device.ts'
import { type InsideDevice, startInside } from '../../../tests/device/start-inside.ts'

type Inverse = InverseOf<Catalogue['isolate-device']>

const PEER = { tcp: 7_777, udp: 53 }
const allHold = { firewall: true, 'control-plane': true, canary: true, restart: true }
const shown = (evidence: Evidence[]) => Object.fromEntries(evidence.map(({ subject, holds }) => [subject, holds]))

let device: LinuxDevice
let here: ServedHere
let closePeer: Disposable
let inside: InsideDevice

const control = () => [
  { address: device.server.v4, port: here.port },
  { address: device.server.v6, port: here.port },
]
const canary = () => ({ address: device.peer.addresses.v4, port: PEER.tcp })

/** An agent that has just started. */
const agent = async (bounds = { controlPlane: control(), canaries: [canary()] }): Promise<InsideDevice> => {
  const started = await startInside(device)
  await started.ask('bounds', bounds)
  return started
}
const prepared = async (by: InsideDevice): Promise<Inverse> => {
  const answer = await by.ask('prepare')
  if (answer.kind !== 'ready') throw new Error(`not ready: ${JSON.stringify(answer)}`)
  return answer.inverse
}
const rules = () => device.run(['nft', '-s', 'list', 'ruleset'])
const units = () => device.run(['find', '/etc/systemd/system', '-printf', '%p %y %m %l\n'])

beforeAll(async () => {
  device = await startDevice({ name: 'isolate' })
  here = await serveHere()
  closePeer = await serveOnPeer(device, PEER)
  await device.run(['nft', 'add', 'table', 'inet', 'admin'])
  inside = await agent()
})
afterAll(async () => {
  closePeer[Symbol.dispose]()
  await here[Symbol.asyncDispose]()
  await device.stop()
})

describe('a real device', () => {
  test('[LIFE10] the preview names the sessions that would be cut, and touches nothing', async () => {
    const before = await rules()
    await inside.ask('open', 'session', canary())
    const answer = await inside.ask('prepare')
    expect(answer).toMatchObject({
      kind: 'ready',
      inverse: { reachable: control(), canaries: [canary()], foundTable: null },
      impact: { hurts: [{ what: expect.stringContaining(`${device.peer.addresses.v4}:${PEER.tcp}`) }] },
    })
    expect(await rules()).toBe(before)
  })

  test('[ISO1–ISO4] [A2] [A3] isolated, proven both ways, doubled, released: as it was found', async () => {
    const before = { rules: await rules(), units: await units() }
    const inverse = await prepared(inside)
    expect(await inside.ask('apply', inverse)).toEqual({
      summary: 'The device was isolated; 1 connections were ended.',
      gaps: [],
    })
    console.info(`isolated, proven and held in ${inside.lastMs().toFixed(0)} ms`)
    expect(shown(await inside.ask('verify', inverse))).toEqual(allHold)
    const once = await rules()
    await inside.ask('apply', inverse)
    expect(await rules()).toBe(once)
    expect(await inside.ask('compare', inverse)).toEqual({ kind: 'as-left' })
    expect(await inside.ask('revert', inverse)).toEqual({ summary: 'The device was released.', gaps: [] })
    console.info(`released in ${inside.lastMs().toFixed(0)} ms`)
    expect(shown(await inside.ask('verifyReverted', inverse))).toEqual({ firewall: true, restart: true })
    expect({ rules: await rules(), units: await units() }).toEqual(before)
    expect(await inside.ask('probe', canary(), 60_000)).toBe('connected')
    expect(await inside.ask('compare', inverse)).toMatchObject({ kind: 'as-found' })
  })

  test('[ISO2] without a way to the control plane it is refused; with none behind the rules it is taken back', async () => {
    const nobody = { address: device.server.v4, port: 1 }
    const cut = await agent({ controlPlane: [nobody], canaries: [] })
    expect(await cut.ask('prepare')).toMatchObject({ kind: 'refused', code: 'control_plane_unreachable' })
    const before = { rules: await rules(), units: await units() }
    const inverse: Inverse = { v: 1, reachable: [nobody], canaries: [], foundTable: null }
    await expect(cut.ask('apply', inverse)).rejects.toMatchObject({ code: 'effect_unproven' })
    expect({ rules: await rules(), units: await units() }).toEqual(before)
    await cut.end()
  })
})

describe('an isolation in force', () => {
  let inverse: Inverse
  beforeAll(async () => {
    inverse = await prepared(inside)
    await inside.ask('apply', inverse)
  })
  afterAll(async () => {
    await inside.ask('letGo')
    await inside.ask('revert', inverse)
  })

  test('[ISO3] the agent killed, it stays; its monitor does not', async () => {
    await inside.ask('hold', inverse)
    await expect.poll(async () => device.run(['ps', '-e', '-o', 'args'])).toContain('nft monitor')
    const pid = await inside.ask('pid')
    await device.run(['kill', '-KILL', String(pid)])
    await expect.poll(async () => device.run(['ps', '-e', '-o', 'args'])).not.toContain('nft monitor')
    inside = await agent()
    expect(shown(await inside.ask('verify', inverse))).toEqual(allHold)
  })

  test('[ISO3] tampering is put back while the agent runs, and reported', async () => {
    await inside.ask('hold', inverse)
    await expect.poll(async () => device.run(['ps', '-e', '-o', 'args'])).toContain('nft monitor')
    const script = `
const { execFileSync, spawnSync } = require('node:child_process')
const took = []
for (let round = 0; round < 10; round++) {
  execFileSync('nft', ['flush', 'ruleset'])
  const began = performance.now()
  while (spawnSync('nft', ['list', 'chain', 'inet', 'recourse_isolation', 'output']).status !== 0);
  took.push(Math.round(performance.now() - began))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150)
}
console.log(JSON.stringify(took))`
    const took = JSON.parse(await device.run([process.execPath, '-e', script])) as number[]
    console.info(`flushed ten times; put back after ${took.join(', ')} ms (goal 100)`)
    expect(took).toHaveLength(10)
    expect(shown(await inside.ask('verify', inverse))).toEqual(allHold)
    const [report] = await inside.ask('reports')
    expect(report).toMatchObject([{ subject: 'firewall', holds: true }])
    expect(report?.[0]?.found).toMatch(/taken away; put back within \d+ ms/)
  })

  test('[ISO3] a connection opened while the door stood open is ended', async () => {
    const script = `
const { execFileSync } = require('node:child_process')
execFileSync('nft', ['flush', 'ruleset'])
const socket = require('node:net').connect(${PEER.tcp}, '${device.peer.addresses.v4}')
socket.on('connect', () => console.log('through'))
socket.on('error', (error) => { console.log(error.code); process.exit() })`
    const said = await device.run([process.execPath, '-e', script])
    // Who wins is chance; who got through does not stay.
    expect(said).toMatch(/^(?:through\n)?ECONN(?:ABORTED|REFUSED|RESET)\n$/)
    expect(await inside.ask('connectionsElsewhere', inverse)).toEqual([])
  })

  test('[ISO3] without its monitor the watch goes on', async () => {
    await device.run(['pkill', '-KILL', '-f', 'nft monitor'])
    await expect.poll(async () => device.run(['ps', '-e', '-o', 'args'])).toContain('nft monitor')
    await device.run(['nft', 'flush', 'ruleset'])
    await expect.poll(() => inside.ask('state', inverse)).toBe('as-ordered')
  })

  test('[ISO3] what was changed while no agent ran is put back when one starts, unit included', async () => {
    await inside.ask('letGo')
    await device.run(['nft', 'flush', 'ruleset'])
    await device.run(['rm', '/etc/systemd/system/recourse-isolation.service'])
    expect(shown(await inside.ask('verify', inverse))).toMatchObject({ firewall: false, restart: false })
    await inside.ask('hold', inverse)
    await expect
      .poll(async () => shown(await inside.ask('verify', inverse)))
      .toMatchObject({ firewall: true, restart: true })
  })

  test('[ISO3] the machine restarted, it is in force without an agent; one that starts finds it so', async () => {
    await inside.ask('letGo')
    await device.reboot()
    expect((await device.exec(['nft', 'list', 'table', 'inet', 'recourse_isolation'])).status).toBe(0)
    inside = await agent()
    expect(shown(await inside.ask('verify', inverse))).toEqual(allHold)
  })
})
