import * as z from 'zod'
import { sha256 } from '../../protocol/file-record.ts'
import { sha256Of, type TargetName } from '../device/scenery.ts'
import { Refused, type Row } from '../fleet/operator.ts'
import { able, act, allEnded, approve, ask, pause, type Scenario, type Stage, some, undoEverything } from './stage.ts'

const fileRef = z.object({ sha256 })

export const calmDay: Scenario = {
  name: 'calm-day',
  about: 'People ask, decide, reject, cancel, undo, ask for copies and purge on a network that works.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: { latencyMs: 5, jitterMs: 2, slowMs: 300 },
  async play(stage) {
    const { step, operator, book, broken, fleet } = stage
    await step('every kind of action, on some devices', async () => {
      for (const target of ['dropper', 'tool', 'image', 'miner', 'beacon', 'network'] as const)
        await act(stage, target, some(stage, able(stage, target), 0.3), `${target} looks wrong`)
      await allEnded(stage)
    })
    await step('copies of what is in the vaults are asked for, and are what was there', () => collectSome(stage))
    await step('undo everything', () => undoEverything(stage, 'it was a test'))
    await step('some are rejected, and nothing happens', async () => {
      const rows = await ask(stage, 'tool', some(stage, able(stage, 'tool'), 0.2), 'perhaps')
      await operator.reject(rows, 'no')
      await pause(300)
    })
    await step('some are cancelled while they are on their way', async () => {
      const rows = await act(stage, 'dropper', some(stage, able(stage, 'dropper'), 0.1), 'in a hurry')
      for (const { id } of rows) await cancelled(() => operator.cancel(id, 'never mind'))
      await allEnded(stage)
    })
    await step('the same wish twice is one action', async () => {
      const members = some(stage, able(stage, 'image'), 0.1)
      const first = await ask(stage, 'image', members, 'once')
      const second = await ask(stage, 'image', members, 'once')
      const known = new Set(first.map(({ id }) => id))
      if (second.some(({ id }) => !known.has(id))) broken('an identical request made a second action')
      await approve(stage, first)
      await allEnded(stage)
    })
    await step('what a device cannot do is refused before anybody decides', async () => {
      const windows = fleet.members().find(({ platform }) => platform === 'windows')
      if (windows === undefined) return
      const params = { path: 'C:\\Users\\evil.exe', sha256: 'a'.repeat(64) }
      const refusal = await operator
        .request({ action: 'quarantine-file', targets: [{ devices: [windows.id], params }], comment: 'try' })
        .then(() => 'accepted', codeOf)
      if (refusal !== 'action_unsupported') broken(`a device that cannot was asked: ${refusal}`)
    })
    await step('an old agent is not asked for what is newer than it', async () => {
      const old = fleet.members().find((member) => member.old)
      if (old === undefined) return
      const refusal = await operator
        .request({
          action: 'isolate-device',
          targets: [{ devices: [old.id], params: { scope: 'full' } }],
          comment: 'try',
        })
        .then(() => 'accepted', codeOf)
      if (refusal !== 'action_unsupported') broken(`an agent older than the action was asked: ${refusal}`)
      if (book.open() > 0) broken('something is open')
    })
    await step('what is purged is gone for good, and cannot be put back', () => purgeSome(stage))
    await step('undo the rest', () => undoEverything(stage, 'good night'))
  },
}

/** Quarantines of this target that stand, with the member they stand on. */
async function held({ operator, book, fleet }: Stage, target: TargetName) {
  const byId = new Map(fleet.members().map((member) => [member.id, member]))
  return (await operator.inForce()).flatMap((row) => {
    const member = byId.get(row.device.id)
    return member !== undefined && book.entries.get(row.id)?.target === target ? [{ row, member }] : []
  })
}

/** Asks for it, approves it, and waits for the end of each. */
async function fromVault(stage: Stage, wish: 'purge' | 'collect', rows: readonly Row[], target: TargetName) {
  const ids = rows.map(({ id }) => id)
  const asked = ids.length === 0 ? [] : await stage.operator.fromVault(wish, ids, `${wish} it`)
  for (const row of asked) stage.book.add(row, target)
  await approve(stage, asked)
  await allEnded(stage)
  const made = new Set(asked.map(({ id }) => id))
  return (await stage.operator.actions({})).filter(({ id, status }) => made.has(id) && status === 'succeeded')
}

async function collectSome(stage: Stage): Promise<void> {
  const there = await held(stage, 'tool')
  const brought = await fromVault(
    stage,
    'collect',
    there.map(({ row }) => row),
    'tool',
  )
  for (const { id, device } of brought) {
    const params = there
      .find(({ member }) => member.id === device.id)
      ?.member.targets.find(({ name }) => name === 'tool')
    const { sha256 } = fileRef.parse(params?.params)
    if (sha256Of(await stage.operator.collected(id)) !== sha256)
      stage.broken(`the copy from ${device.name} is another file`)
  }
  if (there.length > 0 && brought.length === 0) stage.broken('no vault gave a copy of what it holds')
}

async function purgeSome(stage: Stage): Promise<void> {
  const { operator, broken } = stage
  await act(stage, 'dropper', some(stage, able(stage, 'dropper'), 0.2), 'of no use to anybody')
  await allEnded(stage)
  const rows = (await held(stage, 'dropper')).map(({ row }) => row)
  const purges = await fromVault(stage, 'purge', rows, 'dropper')
  if (rows.length > 0 && purges.length === 0) broken('no vault destroyed what it holds')
  const gone = new Set(purges.map(({ device }) => device.id))
  for (const { id, device } of rows.filter((row) => gone.has(row.device.id))) {
    const refusal = await operator.undo([id], 'try').then(() => 'accepted', codeOf)
    if (refusal !== 'purged') broken(`what was purged on ${device.name} could be asked back: ${refusal}`)
  }
}

export const codeOf = (failure: unknown): string => {
  if (failure instanceof Refused) return failure.code
  throw failure
}

/** A cancel that comes too late is a refusal, and no trouble. */
export async function cancelled(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (failure) {
    if (!(failure instanceof Refused)) throw failure
  }
}
