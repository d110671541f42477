import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decode } from '../../protocol/codec.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { order as orderSchema } from '../../protocol/mandate.ts'
import type { Rig } from '../../tests/kit/core-rig.ts'
import {
  type GoldenStory,
  goldenCode,
  goldenGraceMs,
  goldenLimitMs,
  goldenRig,
  secondKey,
} from '../../tests/kit/golden-story.ts'
import type { Core } from './core.ts'
import { journalVersion } from './journal-schema.ts'

const folder = join(import.meta.dirname, 'golden')
const journals = readdirSync(folder).filter((name) => name.endsWith('.db'))

test('[JRN7] there is a golden journal of each version up to today', () => {
  const versions = Array.from({ length: journalVersion }, (_, at) => `journal-v${at + 1}.db`)
  expect(journals.toSorted()).toEqual(versions.toSorted())
})

describe.for(journals)('[JRN7] today’s agent reads %s', (journal) => {
  let rig: Rig
  let core: Core
  let story: GoldenStory
  beforeEach(async () => {
    rig = goldenRig()
    story = JSON.parse(readFileSync(join(folder, journal.replace('.db', '.json')), 'utf8'))
    copyFileSync(join(folder, journal), rig.journalPath)
    const { files, box, processes, firewall } = story.machine
    for (const [path, content] of files) rig.toy.files.set(path, content)
    for (const [item, content] of box) rig.toy.box.set(item, content)
    for (const [pid, state] of processes) rig.toy.processes.set(pid, state)
    rig.toy.firewall = firewall
    // Ids made from here on are none of those the story has used.
    for (let used = 0; used < 100; used++) rig.newId()
    core = await rig.start()
    await core.settled()
  })
  afterEach(() => rig.dispose())

  const undo = async (undoOf: ActionId, onConflict: 'ask' | 'replace' = 'ask') => {
    const id = rig.newId<ActionId>()
    await core.order(rig.undoing(undoOf, 'quarantine-file', { id, onConflict }))
    await core.settled()
    return rig.outcome(core, id)
  }

  test('goes on with what was cut off, and with what waited behind it', () => {
    expect(rig.outcome(core, story.ids.cut)).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    expect(rig.outcome(core, story.ids.waiting)).toMatchObject({ status: 'succeeded', effect: 'none' })
    expect(rig.toy.processes.get(8)).toBe('suspended')
  })

  test('knows what is in force, and takes it back by the records', async () => {
    const { kept, replaced, isolated, cut, back, swapped } = story.ids
    expect(core.inForce().map(({ actionId }) => actionId)).toEqual([kept, replaced, isolated, cut])
    expect(await undo(kept)).toMatchObject({ status: 'succeeded' })
    expect(rig.toy.files.get('/kept')).toBe('kept')
    expect(await undo(replaced, 'replace')).toMatchObject({ status: 'succeeded' })
    expect(rig.toy.files.get('/swapped')).toBe('somebody else')
    expect(await undo(back)).toMatchObject({ code: 'nothing_to_undo' })
    expect(await undo(swapped)).toMatchObject({ code: 'nothing_to_undo' })
  })

  test('knows every order again, and those that were cancelled unseen', async () => {
    const kept = orderSchema.parse(decode(new Uint8Array(Buffer.from(story.keptOrder, 'base64'))))
    core.outbox.stored(core.outbox.after(0, 1_000).at(-1)?.sequence ?? 0)
    await core.order(kept)
    expect(rig.reports(core)).toMatchObject([
      { kind: 'ended', actionId: story.ids.kept, outcome: { status: 'succeeded' } },
    ])
    await core.order(rig.quarantine('/kept', { id: story.ids.kept, content: 'kept' }))
    expect(rig.outcome(core, story.ids.kept)).toMatchObject({ code: 'order_replayed' })
    await core.order(rig.quarantine('/back', { id: story.ids.cancelled }))
    expect(rig.outcome(core, story.ids.cancelled)).toMatchObject({ code: 'order_cancelled' })
  })

  test('still says what was not stored, from the next number on', () => {
    const waiting = core.outbox.after(0, 1_000)
    expect(waiting[0]?.sequence).toBe(story.stored + 1)
    expect(waiting.map(({ sequence }) => sequence)).toEqual(waiting.map((_, at) => story.stored + 1 + at))
    expect(waiting.filter(({ report }) => report.kind === 'ended').length).toBeGreaterThan(4)
  })

  test('keeps limits and grace periods', async () => {
    await rig.clock.pass(goldenGraceMs + 60_000)
    await core.settled()
    expect(rig.toy.done).toContain(`release ${story.ids.back}`)
    expect(rig.toy.firewall).toBe('shut')
    await rig.clock.pass(goldenLimitMs)
    await core.settled()
    expect(rig.toy.firewall).toBe('open')
  })

  test('trusts the keys it has learnt, and the codes it was given', async () => {
    const id = rig.newId<ActionId>()
    await core.order(rig.quarantine('/back', { id, signer: secondKey }))
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'succeeded' })
    expect(await core.undoLocally(id, goldenCode)).toMatchObject({ status: 'succeeded' })
  })
})
