import type { Outbox } from './core.ts'
import type { Parts } from './parts.ts'

/** Far beyond what a device says in its life, and far below what a number can hold. */
const largestSequence = 2 ** 48

/** The face of the outbox that the link sees. See {@link Outbox}. */
export function openOutbox({ journal, log }: Pick<Parts, 'journal' | 'log'>): Outbox {
  return {
    after: (sequence, limit) => journal.outbox.after(sequence, limit),
    stored(sequence) {
      const last = journal.outbox.last()
      if (sequence > largestSequence) {
        log.error({ sequence }, 'the server speaks of more reports than a device can make')
        return
      }
      if (sequence > last) {
        // A machine put back to an older state would give numbers again that the server has stored, and be taken for repeating itself.
        log.warn({ sequence, last }, 'the server has stored more than this journal has said; going on from there')
        journal.commit('stored', () => journal.outbox.renumber(sequence))
        return
      }
      if (!journal.outbox.holdsUpTo(sequence)) return
      journal.commit('stored', () => journal.outbox.forget(sequence))
    },
    subscribe: (listener) => journal.subscribe(listener),
  }
}
