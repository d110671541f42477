import { RecourseError } from '../../../protocol/errors.ts'
import type { Evidence } from '../../../protocol/outcome.ts'
import { defineImpl, type Prepared } from '../../core/action.ts'
import { namedQuarantine } from '../named-quarantine.ts'

/**
 * Sends a copy of what the vault holds of one quarantine to the control plane.
 *
 * INVARIANTS
 * - What is sent is named by the quarantine's own record (UND1); path and hash of the order only have to agree with it, so that what
 *   was approved is what is sent.
 * - Nothing on the device changes. It has ended well only when the control plane has said that it holds all of it, with the right hash.
 */
export const linux = defineImpl('collect-quarantined', {
  readsOnly: true,

  prepare: async (bench, params) => {
    const record = namedQuarantine(bench, params)
    if ('code' in record) return { kind: 'refused', ...record }
    if (bench.vault.holds(record) === 'nothing')
      return {
        kind: 'refused',
        code: 'target_not_found',
        detail: `The vault holds nothing of ${record.path} any more.`,
      }
    const copy = `A copy of ${record.path} (${record.sizeBytes} bytes, sha256 ${record.sha256}) is sent to the control plane.`
    const stays = 'It is kept there sealed, for a limited time; the vault of the device keeps what it has.'
    return {
      kind: 'ready',
      inverse: null,
      resources: [`file:${record.path}`],
      touches: [record.path],
      impact: { would: [copy, stays], hurts: [seen], gaps: [] },
    } satisfies Prepared<null>
  },

  apply: async (bench, params) => {
    const record = namedQuarantine(bench, params)
    if ('code' in record) throw new RecourseError(record.code, record.detail)
    await bench.handOver(record)
    const what = `${record.path} (${record.sizeBytes} bytes, sha256 ${record.sha256})`
    return { summary: `A copy of ${what} was sent to the control plane.`, gaps: [] }
  },

  verify: async (bench, { quarantine, path, sha256 }) => {
    const found = bench.quarantined(quarantine)
    const isHeld = 'record' in found && bench.vault.holds(found.record) !== 'nothing'
    const sizeBytes = 'record' in found ? found.record.sizeBytes : 0
    const evidence: Evidence = {
      subject: 'vault',
      found: isHeld ? 'The vault holds it as before.' : 'The vault does not hold it any more.',
      holds: isHeld,
      at: bench.nowMs(),
      file: { path, sha256, sizeBytes },
    }
    return [evidence]
  },
})

const seen = { what: 'what is in it', detail: 'Who may download it from the control plane sees what is in the file.' }
