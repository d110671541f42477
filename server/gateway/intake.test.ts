import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type ActionId, type DeviceId, newId } from '../../protocol/ids.ts'
import type { Report } from '../../protocol/messages.ts'
import { systemSource } from '../source.ts'
import { Intake, type SharedRoom } from './intake.ts'
import { LateWord } from './late-word.ts'
import { defaultLimits } from './settings.ts'

const at = 1_800_000_000_000
const actionId = newId<ActionId>(systemSource)
const received: Report = { kind: 'received', actionId, at }
const begun: Report = { kind: 'begun', actionId, at }
const ended: Report = {
  kind: 'ended',
  actionId,
  outcome: { status: 'refused', code: 'order_expired', detail: '', at },
}

/** A device whose reports become durable when the test says so. */
function newScene() {
  const room: SharedRoom = { waitingBytes: 0, owing: new LateWord() }
  const told: number[] = []
  const held: (() => void)[] = []
  const intake = new Intake(
    {
      device: newId<DeviceId>(systemSource),
      limits: defaultLimits,
      room,
      actions: {
        take: (_, said) =>
          new Promise((resolve) => {
            held.push(() => {
              const reports = typeof said === 'function' ? said() : said
              resolve({ stored: reports.at(-1)?.sequence ?? 0 })
            })
          }),
      },
      lost: async () => undefined,
      stored: () => undefined,
      acknowledge: (sequence) => void told.push(sequence),
      drained: () => undefined,
      failed: (failure) => {
        throw failure
      },
    },
    0,
  )
  let sequence = 0
  return {
    room,
    told,
    intake,
    say: (...reports: Report[]) => {
      for (const report of reports) expect(intake.offer(++sequence, report, 10)).toBe('taken')
    },
    /** The write that is on its way takes what is there, and is durable. */
    durable: async () => {
      while (held.length === 0) await nextTurn()
      held.shift()?.()
      await nextTurn()
    },
  }
}

test('[JRN4] that an order arrived is acknowledged with its end, in one word, and nothing before it is durable', async () => {
  const { say, durable, told } = newScene()
  say(received)
  await durable()
  say(begun, ended)
  expect(told).toEqual([])
  await durable()
  expect(told).toEqual([3])
})

test('[JRN4] where nothing follows it is acknowledged within two turns, and once', async () => {
  const { say, durable, told, room } = newScene()
  say(received)
  room.owing.turn()
  await durable()
  room.owing.turn()
  expect(told).toEqual([])
  room.owing.turn()
  expect(told).toEqual([1])
  room.owing.turn()
  room.owing.turn()
  expect(told).toEqual([1])
})

test('a device that takes many orders at once never waits for room in the window of its reports', async () => {
  const { say, durable, told } = newScene()
  say(received)
  await durable()
  say(...Array.from({ length: 63 }, () => received))
  await durable()
  expect(told).toEqual([64])
})

test('a connection that ends says nothing more', async () => {
  const { say, durable, told, room, intake } = newScene()
  say(received)
  await durable()
  intake.stop()
  room.owing.turn()
  room.owing.turn()
  expect(told).toEqual([])
})
