import type { ActionId } from '../../protocol/ids.ts'
import type { LedgerEntry } from './journal-ledger.ts'
import type { EnrolledKey } from './keys.ts'
import type { Parts } from './parts.ts'

const compactAfterMs = 30 * 86_400_000

/**
 * Makes the journal this device's own: its name, and the keys it enrolled with. A device that enrolled anew has a new name and new
 * keys; what it did under the old one stays undoable, what it wanted to say under the old one is nobody's any more.
 */
export function adopt({ deviceId, journal, clock, log }: Parts, keys: readonly EnrolledKey[]): void {
  journal.commit('opened', () => {
    const before = journal.meta.get('device-id')
    if (before !== deviceId) {
      if (before !== null) {
        log.warn({ before, deviceId }, 'this device has enrolled anew')
        journal.outbox.restart()
        journal.keys.clear()
        journal.grants.clear()
      }
      journal.meta.set('device-id', deviceId)
    }
    for (const key of keys) journal.keys.add(key, clock.nowMs())
    journal.ledger.compact(clock.nowMs() - compactAfterMs)
  })
}

export interface RecoverySteps {
  schedule(entry: LedgerEntry): Promise<void>
  lapse(actionId: ActionId): Promise<boolean>
  standBy(actionId: ActionId): Promise<void>
}

/**
 * Goes on where the last life of the agent was cut off (JRN2).
 *
 * INVARIANTS
 * - What may have touched the machine is brought to its end before anything new begins: those are awaited here.
 * - In each lane, what was under way comes first, then what stands is taken up, then what had not begun. No effect is held up while
 *   its undo is under way.
 */
export async function recover({ journal, log }: Parts, { schedule, lapse, standBy }: RecoverySteps): Promise<void> {
  const open = journal.ledger.open()
  const underWay = open.filter(({ state }) => state === 'intended')
  const takingBack = journal.effects.takingBack()
  if (underWay.length + takingBack.length > 0)
    log.warn({ orders: underWay.length, local: takingBack.length }, 'going on with what was cut off')
  const first = [...takingBack.map(({ actionId }) => lapse(actionId)), ...underWay.map(schedule)]
  for (const { actionId } of journal.effects.all()) void standBy(actionId)
  for (const entry of open) if (entry.state !== 'intended') void schedule(entry)
  const results = await Promise.allSettled(first)
  for (const result of results)
    if (result.status === 'rejected')
      log.error({ err: result.reason }, 'what was cut off could not be brought to its end')
}
