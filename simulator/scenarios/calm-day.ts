import { Refused } from '../fleet/operator.ts'
import { able, act, allEnded, approve, ask, pause, type Scenario, some, undoEverything } from './stage.ts'

export const calmDay: Scenario = {
  name: 'calm-day',
  about: 'People ask, decide, reject, cancel and undo on a network that works.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: { latencyMs: 5, jitterMs: 2 },
  async play(stage) {
    const { step, operator, book, broken, fleet } = stage
    await step('every kind of action, on some devices', async () => {
      for (const target of ['dropper', 'tool', 'image', 'miner', 'beacon', 'network'] as const)
        await act(stage, target, some(stage, able(stage, target), 0.3), `${target} looks wrong`)
      await allEnded(stage)
    })
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
    await step('undo the rest', () => undoEverything(stage, 'good night'))
  },
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
