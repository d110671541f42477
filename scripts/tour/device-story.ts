import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Preview } from '../../protocol/outcome.ts'
import { type Installation, installAgent } from '../../tests/device/agent-on-device.ts'
import { serveOnPeer } from '../../tests/device/echo-servers.ts'
import type { LinuxDevice } from '../../tests/device/linux-device.ts'
import type { ControlPlane } from './control-plane.ts'
import { approve, connectionIs, inForceOn, propose, undo } from './decide.ts'
import type { Report } from './report.ts'

const greetingPort = 4_000

/** A whole machine of its own is cut off from everybody but its control plane, and let go again. */
export async function deviceStory(
  plane: ControlPlane,
  device: LinuxDevice,
  installation: Installation,
  report: Report,
): Promise<void> {
  report.part('A whole device, isolated and released')
  const { token } = await plane.admin.ask<{ token: string }>('devices', 'token')
  await installAgent(device, installation, { enrolPort: plane.server.enrolPort, token })
  const { name } = device
  const connected = await connectionIs(plane.ann, name, true)
  report.claim(`a disposable machine, ${name}, runs the bundled agent as a service and is connected`, connected)

  using _peer = await serveOnPeer(device, { tcp: greetingPort, udp: greetingPort })
  const peer = device.peer.addresses
  await device.run(['nft', 'add', 'table', 'inet', 'somebody_elses'])
  await device.run([
    'nft',
    'add',
    'chain',
    'inet',
    'somebody_elses',
    'input',
    '{ type filter hook input priority 10; }',
  ])
  const rulesBefore = await device.run(['nft', 'list', 'ruleset'])
  report.claim(
    'it reaches another host, over IPv4 and IPv6',
    (await reaches(device, peer.v4)) && (await reaches(device, peer.v6)),
  )
  const open = await openConnection(device, peer.v4)

  const asked = await propose(plane, 'isolate-device', ['--device', name])
  const done = await approve(plane, asked)
  report.claim('isolation: asked for by ann, approved by ben, carried out', done.status === 'succeeded', done.outcome)
  for (const { subject, found, holds } of done.outcome?.status === 'succeeded' ? done.outcome.evidence : [])
    report.claim(`the device proves it: ${subject}: ${found}`, holds)
  report.claim(
    'it does not reach the other host any more',
    !(await reaches(device, peer.v4)) && !(await reaches(device, peer.v6)),
  )
  report.claim('the connection that was open is ended', await open.hasEnded())
  const preview = await plane.ann.ask<Preview>('preview', 'undo', done.id)
  report.claim(
    'its control plane still reaches it: it answers what a release would do',
    preview.answer === 'ready',
    preview,
  )
  report.claim('it is in force: the control plane says so', (await inForceOn(plane.ann, name)).includes(done.id))

  const released = await undo(plane, done)
  report.claim(
    'released: asked for by ann, approved by ben, carried out',
    released.status === 'succeeded',
    released.outcome,
  )
  report.claim('it reaches the other host again', (await reaches(device, peer.v4)) && (await reaches(device, peer.v6)))
  const rulesAfter = await device.run(['nft', 'list', 'ruleset'])
  report.claim('the firewall is, byte for byte, as it was', rulesAfter === rulesBefore, rulesAfter)
}

const connecting = `
const socket = require('node:net').connect({ host: process.argv[1], port: ${greetingPort} })
socket.on('error', () => process.exit(1))
socket.on('connect', () => process.exit(0))
setTimeout(() => process.exit(1), 1500)`

async function reaches(device: LinuxDevice, address: string): Promise<boolean> {
  return (await device.exec([process.execPath, '-e', connecting, address])).status === 0
}

const holding = `
const socket = require('node:net').connect({ host: process.argv[1], port: ${greetingPort} })
socket.on('connect', () => console.log('open'))
socket.on('error', () => {})
socket.on('close', () => console.log('closed'))`

/** A connection to the peer that stays open until somebody ends it. */
async function openConnection(device: LinuxDevice, address: string): Promise<{ hasEnded(): Promise<boolean> }> {
  const child = device.spawn([process.execPath, '-e', holding, address])
  const lines = createInterface(child.stdout)
  const [first] = (await once(lines, 'line')) as [string]
  if (first !== 'open') throw new Error('the connection to the peer did not open')
  const closed = once(lines, 'line').then(() => true)
  return {
    hasEnded: async () => {
      const ended = await Promise.race([closed, sleep(30_000, false, { ref: false })])
      child.kill('SIGKILL')
      return ended
    },
  }
}
