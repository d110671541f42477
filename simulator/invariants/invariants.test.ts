import { describe, expect, test } from 'vitest'
import { type ActionId, type BatchId, type DeviceId, newId } from '../../protocol/ids.ts'
import type { Truth } from '../device/device.ts'
import type { Row } from '../fleet/operator.ts'
import type { Member } from '../fleet/shard.ts'
import { openBook } from './book.ts'
import { always, atRest, type World } from './invariants.ts'

let drawn = 0
const id = <T extends string>() => newId<T>({ nowMs: () => 1, random16: () => new Uint8Array(16).fill(++drawn) })
const [device, action, undo, batch] = [id<DeviceId>(), id<ActionId>(), id<ActionId>(), id<BatchId>()]

const member: Member = {
  index: 0,
  id: device,
  platform: 'linux',
  kind: 'server',
  site: 0,
  old: false,
  hostile: null,
  skewMs: 0,
  targets: [{ name: 'dropper', action: 'quarantine-file', params: {}, things: ['file /opt/x'] }],
}
const row: Row = {
  id: action,
  batch,
  contentHash: '',
  device: { id: device, name: 'one' },
  kind: 'do',
  action: 'quarantine-file',
  status: 'succeeded',
  effect: 'in-force',
  outcome: { status: 'succeeded', effect: 'in-force', evidence: [], gaps: [], summary: 'Done.', at: 1 },
  undoOf: null,
  undoneBy: null,
  canUndo: true,
  requestedBy: 'sim-asker',
}
const truth: Truth = {
  device,
  index: 0,
  connected: true,
  away: null,
  targets: [{ name: 'dropper', inEffect: true, came: 1, went: 0, lost: 0, gone: 0 }],
  touched: [{ id: action, applied: 1, reverted: 0 }],
  inForce: [{ actionId: action, action: 'quarantine-file', effect: 'in-force', provedAt: 1, until: null }],
  waitingReports: 0,
  changed: ['file /opt/x'],
  lives: 1,
  denied: 0,
  faults: [],
}

/** One device with one file in quarantine, and everybody agrees; with what a test changes. */
function world(
  change: { truth?: Partial<Truth>; row?: Partial<Row>; approved?: boolean; inForce?: Row[] } = {},
): World {
  const book = openBook()
  const changed = { ...row, ...change.row }
  book.add(changed, 'dropper')
  if (change.approved !== false) book.approving([action], 1)
  return {
    members: [member],
    book,
    truths: [{ ...truth, ...change.truth }],
    rows: [changed],
    inForce: change.inForce ?? [changed],
  }
}

const brokenBy = (it: World): string[] =>
  Object.entries({ ...always, ...atRest }).flatMap(([name, look]) => (look(it).length === 0 ? [] : [name]))

describe('[SIM1] invariants', () => {
  test('hold where everybody agrees', () => {
    expect(brokenBy(world())).toEqual([])
  })

  test.each([0, 1])('see an effect that is listed and has ended by itself, by %i restarts', (lost) => {
    const targets = [{ name: 'dropper' as const, inEffect: false, came: 1, went: 0, lost, gone: 0 }]
    expect(brokenBy(world({ truth: { targets, changed: [] } }))).toEqual([
      'what is said to be in force is in force, and nothing else is',
    ])
  })

  test('see an effect that nobody approved', () => {
    expect(brokenBy(world({ approved: false }))).toContain('nothing is done that was not approved')
    expect(brokenBy(world({ truth: { touched: [{ id: undo, applied: 1, reverted: 0 }] } }))).toEqual([
      'nothing is done that was not approved',
    ])
  })

  test('see an effect that came twice', () => {
    const targets: Truth['targets'] = [{ name: 'dropper', inEffect: true, came: 2, went: 1, lost: 0, gone: 0 }]
    expect(brokenBy(world({ truth: { targets } }))).toEqual([
      'nothing is done twice',
      'each effect happened exactly as often as it is said to have',
    ])
  })

  test('allow an attempt that was denied, taken back, and begun again by the next life', () => {
    const targets: Truth['targets'] = [{ name: 'dropper', inEffect: true, came: 2, went: 1, lost: 0, gone: 0 }]
    expect(brokenBy(world({ truth: { targets, lives: 2, denied: 1 } }))).toEqual([])
    expect(brokenBy(world({ truth: { targets, lives: 2, denied: 0 } }))).not.toEqual([])
    expect(brokenBy(world({ truth: { targets, lives: 1, denied: 1 } }))).not.toEqual([])
  })

  test('see a success that never happened', () => {
    const targets: Truth['targets'] = [{ name: 'dropper', inEffect: false, came: 0, went: 0, lost: 0, gone: 0 }]
    expect(brokenBy(world({ truth: { targets, changed: [] } }))).toEqual([
      'each effect happened exactly as often as it is said to have',
      'what is said to be in force is in force, and nothing else is',
    ])
  })

  test('allow a killing that a restart of the machine came before, as often as it did', () => {
    const killing = { row: { action: 'kill-process' as const, effect: 'none' as const }, inForce: [] }
    const name = 'each effect happened exactly as often as it is said to have'
    const gone = (times: number): Truth['targets'] => [
      { name: 'dropper', inEffect: false, came: 0, went: 0, lost: 0, gone: times },
    ]
    const truth = { inForce: [], changed: [] }
    expect(brokenBy(world({ ...killing, truth: { ...truth, targets: gone(1) } }))).toEqual([])
    expect(brokenBy(world({ ...killing, truth: { ...truth, targets: gone(0) } }))).toEqual([name])
  })

  test('see an effect that the control plane does not list, and one that the device does not', () => {
    const name = 'what is said to be in force is in force, and nothing else is'
    expect(brokenBy(world({ inForce: [] }))).toEqual([name])
    expect(brokenBy(world({ truth: { inForce: [] } }))).toEqual([name])
  })

  test('let what was purged be in no place and on no list, and see it when it came back', () => {
    const purged = { row: { effect: 'purged' as const }, inForce: [] }
    expect(brokenBy(world({ ...purged, truth: { inForce: [] } }))).toEqual([])
    const back: Truth['targets'] = [{ name: 'dropper', inEffect: false, came: 1, went: 1, lost: 0, gone: 0 }]
    expect(brokenBy(world({ ...purged, truth: { inForce: [], targets: back, changed: [] } }))).toEqual([
      'each effect happened exactly as often as it is said to have',
      'what is said to be in force is in force, and nothing else is',
    ])
  })

  test('see what an undo did not put back, and what nobody meant to touch', () => {
    const changed = ['file /etc/passwd', 'file /opt/x']
    expect(brokenBy(world({ truth: { changed } }))).toEqual(['what was taken back is as it was'])
  })

  test('see an action that is lost, and a report that is', () => {
    expect(brokenBy(world({ row: { status: 'delivered' } }))).toContain(
      'every approved action has ended, with its effect or a named reason',
    )
    expect(brokenBy(world({ truth: { waitingReports: 1 } }))).toEqual(['queues are empty'])
    const asleep = world({ truth: { connected: false, away: 'it sleeps' } })
    expect(brokenBy(asleep)).toEqual(['every device is back'])
    expect(atRest['every device is back']?.(asleep)).toEqual([expect.stringContaining('it sleeps')])
    expect(brokenBy(world({ truth: { faults: ['boom'] } }))).toEqual(['no agent meets a fault of its own'])
  })
})
