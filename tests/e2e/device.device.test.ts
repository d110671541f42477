import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import type { ActionView } from '../../server/actions/views.ts'
import { onDevice } from '../device/agent-on-device.ts'
import { serveOnPeer } from '../device/echo-servers.ts'
import { type Stage, setStage } from './stage.ts'

const port = 4_000

const connecting = `
const socket = require('node:net').connect({ host: process.argv[1], port: ${port} })
socket.on('error', () => process.exit(1))
socket.on('connect', () => process.exit(0))
setTimeout(() => process.exit(1), 1_500)`

describe('processes and the network of a real device, by approved orders', () => {
  let stage: Stage
  let peer: Disposable
  beforeAll(async () => {
    stage = await setStage('device')
    peer = await serveOnPeer(stage.device, { tcp: port, udp: port })
  })
  afterAll(async () => {
    peer[Symbol.dispose]()
    await stage[Symbol.asyncDispose]()
  })

  /** A shell with two children on the device, started as a unit so that nobody here is their parent. */
  const startTree = async (unit: string) => {
    const { device } = stage
    await device.run(['systemd-run', '--quiet', `--unit=${unit}`, 'sh', '-c', 'sleep 86400 & sleep 86400 & wait'])
    const pid = Number(await device.run(['systemctl', 'show', '-P', 'MainPID', unit]))
    let children = ''
    while (children.trim().split(/\s+/).length < 2) {
      children = (await device.exec(['pgrep', '-P', String(pid)])).stdout
      await sleep(20)
    }
    const stat = await device.run(['cat', `/proc/${pid}/stat`])
    const bootId = (await device.run(['cat', '/proc/sys/kernel/random/boot_id'])).trim()
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
    const pids = [pid, ...children.trim().split(/\s+/).map(Number)]
    return { target: { process: { pid, startedAt, bootId } }, pids }
  }
  const stateOf = async (pid: number): Promise<string> => {
    const { stdout } = await stage.device.exec(['cat', `/proc/${pid}/stat`])
    return stdout === '' ? 'gone' : (stdout.slice(stdout.lastIndexOf(')') + 2)[0] ?? '')
  }
  const reaches = async (address: string) =>
    (await stage.device.exec([process.execPath, '-e', connecting, address])).status === 0
  const reachesPeer = async () => {
    const { v4, v6 } = stage.device.peer.addresses
    const [overV4, overV6] = await Promise.all([reaches(v4), reaches(v6)])
    return { v4: overV4, v6: overV6 }
  }
  /** Once it does: it waits no longer for an answer than one takes that never comes. */
  const expectPeer = () => expect.poll(reachesPeer).toEqual({ v4: true, v6: true })
  /** Takes the control plane away from the device, and gives it back; the peer has a line of its own. */
  const linkToServer = (to: 'down' | 'up') => stage.device.run(['ip', 'link', 'set', 'eth0', to])
  const rules = () => stage.device.run(['nft', '-s', 'list', 'ruleset'])

  test('[PRC1] a tree of processes is suspended where it stands, resumed, and goes on', async () => {
    const { target, pids } = await startTree('held')
    const suspended = await stage.act('suspend-process', { target, tree: true })
    expect(suspended.outcome).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    expect(await Promise.all(pids.map(stateOf))).toEqual(['T', 'T', 'T'])
    expect(await stage.inForce()).toContain(suspended.id)

    const resumed = await stage.undo(suspended)
    expect(resumed.status).toBe('succeeded')
    await expect.poll(() => Promise.all(pids.map(stateOf))).toEqual(['S', 'S', 'S'])
  })

  test('[PRC1] a tree of processes is killed to the last, and that this cannot be undone is said before', async () => {
    const { target, pids } = await startTree('doomed')
    const preview = await stage.preview('kill-process', { target, tree: true })
    expect(preview).toMatchObject({ answer: 'ready' })
    const killed = await stage.act('kill-process', { target, tree: true })
    expect(killed).toMatchObject({ status: 'succeeded', effect: 'none', canUndo: false, undoTitle: null })
    for (const pid of pids) expect(['gone', 'Z']).toContain(await stateOf(pid))
    await expect(stage.undo(killed)).rejects.toMatchObject({ code: 'not_undoable' })
  })

  test('[PRC1] a number that has come to mean another process is refused, and what was found is named', async () => {
    const { target, pids } = await startTree('innocent')
    const { process: reference } = target
    const stale = { process: { ...reference, startedAt: String(Number(reference.startedAt) - 1) } }
    const refused = await stage.act('kill-process', { target: stale, tree: true })
    expect(refused).toMatchObject({
      status: 'refused',
      outcome: { code: 'target_changed', detail: expect.stringContaining(reference.startedAt) },
    })
    await expect.poll(() => Promise.all(pids.map(stateOf))).toEqual(['S', 'S', 'S'])
  })

  test.each([['init', 1]])('[VLT3] %s is never killed', async (_, pid) => {
    const stat = await stage.device.run(['cat', `/proc/${pid}/stat`])
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
    const bootId = (await stage.device.run(['cat', '/proc/sys/kernel/random/boot_id'])).trim()
    const refused = await stage.act('kill-process', { target: { process: { pid, startedAt, bootId } }, tree: false })
    expect(refused).toMatchObject({ status: 'refused', outcome: { code: 'target_protected' } })
  })

  test('[JRN3] the agent killed and started again keeps what is in force', async () => {
    await stage.device.put('/srv/kept', 'kept')
    const sha256 = (await stage.device.run(['sha256sum', '/srv/kept'])).slice(0, 64)
    const taken = await stage.act('quarantine-file', { path: '/srv/kept', sha256 })
    await stage.device.run(['systemctl', 'kill', '-s', 'SIGKILL', 'recourse-agent.service'])
    await stage.untilConnected(false)
    await stage.untilConnected(true)
    expect(await stage.inForce()).toContain(taken.id)
    expect((await stage.undo(taken)).status).toBe('succeeded')
    expect(await stage.device.run(['cat', '/srv/kept'])).toBe('kept')
  })

  describe('isolated', () => {
    let isolated: ActionView
    let rulesBefore: string
    beforeAll(async () => {
      const { device } = stage
      await device.run(['nft', 'add', 'table', 'inet', 'administrator'])
      await device.run([
        'nft',
        'add',
        'chain',
        'inet',
        'administrator',
        'input',
        '{ type filter hook input priority 10; }',
      ])
      rulesBefore = await rules()
      isolated = await stage.act('isolate-device', {})
    })

    test('[ISO1] [ISO2] the peer is cut off over both families, the control plane is not, and the device proves both', async () => {
      expect(isolated.outcome).toMatchObject({ status: 'succeeded', effect: 'in-force' })
      if (isolated.outcome?.status === 'succeeded') {
        expect(isolated.outcome.evidence.map(({ subject, holds }) => [subject, holds])).toEqual(
          expect.arrayContaining([
            ['firewall', true],
            ['control-plane', true],
            ['canary', true],
          ]),
        )
      }
      expect(await reachesPeer()).toEqual({ v4: false, v6: false })
      expect((await stage.preview('isolate-device', {})).at).toBeGreaterThan(0)
    })

    test('[ISO3] flushing the rules does not end it, and the tampering is told', async () => {
      await stage.device.run(['nft', 'delete', 'table', 'inet', 'recourse_isolation'])
      await expect.poll(rules).toContain('recourse_isolation')
      expect(await reachesPeer()).toEqual({ v4: false, v6: false })
      expect(await stage.inForce()).toContain(isolated.id)
    })

    test('[ISO3] it holds over a restart of the machine, before the agent is there', async () => {
      const { device } = stage
      await device.run(['systemctl', 'disable', 'recourse-agent.service'])
      await device.reboot()
      peer[Symbol.dispose]()
      peer = await serveOnPeer(device, { tcp: port, udp: port })
      expect((await device.exec(['systemctl', 'is-active', 'recourse-agent.service'])).stdout.trim()).not.toBe('active')
      expect(await rules()).toContain('recourse_isolation')
      expect(await reachesPeer()).toEqual({ v4: false, v6: false })

      await device.run(['systemctl', 'enable', '--now', 'recourse-agent.service'])
      await stage.untilConnected(true)
      expect(await stage.inForce()).toContain(isolated.id)
      expect(await reachesPeer()).toEqual({ v4: false, v6: false })
    })

    test('[ISO4] released, everything is reachable again and no rule of others has changed', async () => {
      const { device } = stage
      // Rules of the administrator live in memory and went with the restart; they are set anew, as their own service would.
      await device.run(['nft', 'add', 'table', 'inet', 'administrator'])
      await device.run([
        'nft',
        'add',
        'chain',
        'inet',
        'administrator',
        'input',
        '{ type filter hook input priority 10; }',
      ])
      const released = await stage.undo(isolated)
      expect(released.status).toBe('succeeded')
      await expectPeer()
      expect(await rules()).toBe(rulesBefore)
      expect(await stage.inForce()).toEqual([])
      await device.reboot()
      peer[Symbol.dispose]()
      peer = await serveOnPeer(device, { tcp: port, udp: port })
      expect(await rules()).not.toContain('recourse_isolation')
      await expectPeer()
      await stage.untilConnected(true)
    })
  })

  test('[ISO3] an isolation with an end lapses by itself, with the control plane out of reach', async () => {
    let isolated: ActionView
    let cutOff: { v4: boolean; v6: boolean }
    // One that is over before anybody has looked is tried again with more time.
    for (let seconds = 5; ; seconds *= 3) {
      isolated = await stage.act('isolate-device', {}, { until: Date.now() + seconds * 1_000 })
      await linkToServer('down')
      cutOff = await reachesPeer()
      if (seconds > 100 || (await rules()).includes('recourse_isolation')) break
      await linkToServer('up')
      await stage.untilConnected(true)
    }
    expect(cutOff).toEqual({ v4: false, v6: false })
    await expect.poll(rules).not.toContain('recourse_isolation')
    await expectPeer()
    expect((await stage.ended(isolated.id)).effect).toBe('in-force')
    await linkToServer('up')
    await expect.poll(async () => (await stage.ended(isolated.id)).effect).toBe('lapsed')
  })

  test('[UND7] with the control plane gone, root releases the device with the code made in advance, and the server hears of it', async () => {
    const isolated = await stage.act('isolate-device', {})
    const { code } = await stage.api.post(
      `/v1/devices/${stage.deviceId}/break-glass-code`,
      { comment: 'the line is down' },
      z.looseObject({ code: z.string() }),
    )
    await linkToServer('down')
    expect((await onDevice(stage.device, 'undo', isolated.id, '--code', 'AAAA-AAAA-AAAA-AAAA-AAAA')).status).not.toBe(0)
    expect(await reachesPeer()).toEqual({ v4: false, v6: false })
    const undone = await onDevice(stage.device, 'undo', isolated.id, '--code', code)
    expect(undone).toMatchObject({ status: 0 })
    await expectPeer()
    expect(await stage.inForce()).toContain(isolated.id)
    await linkToServer('up')
    await expect.poll(() => stage.inForce()).toEqual([])
  })

  test('[TRU1] a revoked device is refused at the handshake, however often it tries', async () => {
    await stage.api.post(`/v1/devices/${stage.deviceId}/revoke`, { comment: 'stolen' }, z.unknown())
    await stage.untilConnected(false)
    const journal = stage.device.spawn(['journalctl', '-fu', 'recourse-agent.service', '-o', 'cat', '-n', '0'])
    const lines = createInterface(journal.stdout)
    await stage.device.run(['systemctl', 'restart', 'recourse-agent.service'])
    await Promise.race([once(lines, 'line'), sleep(5_000)])
    journal.kill('SIGKILL')
    await sleep(1_000)
    await stage.untilConnected(false)
    await expect(stage.act('isolate-device', {})).rejects.toMatchObject({ code: 'device_revoked' })
  })
})
