import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { enrol } from '../../agent/link/enrol.ts'
import type { Identity } from '../../agent/link/identity.ts'
import { decode } from '../../protocol/codec.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { leaf } from '../../protocol/mandate.ts'
import type { DeviceFacts, Report } from '../../protocol/messages.ts'
import { leasePorts } from '../../simulator/network/ports.ts'
import { facts, helloOf, newFolder, type RawDevice, rawDevice, until } from './device.ts'
import { begin, cookieOf, kill, type PlaneProcess, post } from './plane-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'recourse-killed-'))
const able: DeviceFacts = {
  ...facts,
  capabilities: [{ action: 'quarantine-file', support: 'supported', reason: '' }],
}
let plane: PlaneProcess | null = null
afterAll(async () => {
  if (plane !== null) await kill(plane.child)
  rmSync(folder, { recursive: true, force: true })
})

/** A device that remembers what it was told over all its connections, does each order once, and sends again what is not stored. */
function remembering(identity: Identity) {
  const heard: ActionId[] = []
  const done = new Set<ActionId>()
  const outbox: Report[] = []
  const connect = async (): Promise<RawDevice> => {
    const raw = rawDevice(identity)
    await once(raw.socket, 'open')
    raw.say({ ...helloOf(identity), facts: able })
    const { stored } = await raw.next('welcome')
    const sayFrom = (index: number) => {
      for (let at = index; at < outbox.length; at++) raw.say({ type: 'report', sequence: at + 1, report: outbox[at] })
    }
    sayFrom(stored)
    let taken = 0
    const take = () => {
      for (const message of raw.heard.slice(taken)) {
        taken++
        if (message.type !== 'order') continue
        const { actionId } = leaf.parse(decode(message.order.leaf))
        heard.push(actionId)
        if (done.has(actionId)) continue
        done.add(actionId)
        outbox.push({ kind: 'received', actionId, at: Date.now() })
        sayFrom(outbox.length - 1)
      }
    }
    raw.socket.on('message', take)
    take()
    return raw
  }
  return { heard, done, connect }
}

test('[LIFE4] a control plane killed between the commit and the wire: nothing was sent that is not written down, and all that was approved arrives, once', async () => {
  const firstPort = await leasePorts(3)
  plane = await begin(folder, firstPort)
  const person = { name: 'root', password: 'correct horse battery' }
  const setUp = { secret: plane.setUpSecret, ...person, separationOfDuties: false }
  const cookie = cookieOf(await post(plane.url, '/v1/setup', '', setUp))
  const made: { token: string } = JSON.parse(
    await (await post(plane.url, '/v1/enrolment-tokens', cookie, { group: 'default', uses: 1, hours: 1 })).text(),
  )
  const where = { folder: newFolder(), host: '127.0.0.1', port: firstPort + 1 }
  const { identity } = await enrol({ ...where, token: made.token, facts: able })
  const device = remembering(identity)
  const approved = new Set<ActionId>()

  for (let round = 0; round < 6; round++) {
    plane ??= await begin(folder, firstPort)
    const { url, child } = plane
    const signedIn = cookieOf(await post(url, '/v1/sign-in', '', person))
    await device.connect()
    let stop = false
    const write = async (writer: number) => {
      for (let at = 0; !stop; at++) {
        const params = { path: `/tmp/${round}-${writer}-${at}`, sha256: 'a'.repeat(64) }
        const targets = [{ devices: [identity.deviceId], params }]
        const wish = { action: 'quarantine-file', targets, comment: 'evil', approve: true }
        try {
          const answer = await post(url, '/v1/actions', signedIn, wish)
          const { actions }: { actions: { id: ActionId }[] } = JSON.parse(await answer.text())
          for (const { id } of actions) approved.add(id)
        } catch {
          return
        }
      }
    }
    const before = device.heard.length
    const writers = Array.from({ length: 6 }, (_, writer) => write(writer))
    // Killed while orders are on their way, each time at another place.
    await until(() => device.heard.length >= before + 5 + round * 7)
    await kill(child)
    stop = true
    await Promise.all(writers)
    plane = null
    const database = new DatabaseSync(join(folder, 'recourse.db'), { readOnly: true })
    const sent = new Set(
      database
        .prepare('select id from action where sent_at is not null')
        .all()
        .map((it) => it.id),
    )
    database.close()
    expect(device.heard.filter((id) => !sent.has(id))).toEqual([])
  }

  plane = await begin(folder, firstPort)
  await device.connect()
  await until(() => [...approved].every((id) => device.done.has(id)))
  const database = new DatabaseSync(join(folder, 'recourse.db'), { readOnly: true })
  const open = () => database.prepare(`select count(*) as n from action where status = 'queued'`).get()?.n
  await until(() => open() === 0)
  database.close()
  expect(approved.size).toBeGreaterThan(20)
})
