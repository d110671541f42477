import { RecourseError } from '../../../protocol/errors.ts'
import type { Evidence } from '../../../protocol/outcome.ts'
import { type Bench, defineImpl, type Prepared } from '../../core/action.ts'
import type { FileRecord } from '../../vault/vault.ts'
import { namedQuarantine } from '../named-quarantine.ts'

/**
 * Gives up what the vault holds of one quarantine, for good.
 *
 * INVARIANTS
 * - What is destroyed is named by the quarantine's own record (UND1); path and hash of the order only have to agree with it, so that
 *   what was approved is what is purged.
 * - The record of the quarantine goes in the commit that ends the purge, after the bytes: a cut in between finds both, or the record
 *   alone, and a repeat ends it. So no bytes are left that nobody has a record of.
 */
export const linux = defineImpl('purge-quarantine', {
  prepare: async (bench, params) => {
    const record = namedQuarantine(bench, params)
    if ('code' in record) return { kind: 'refused', ...record }
    const others = await sharing(bench, record)
    const held = bench.vault.holds(record)
    const would =
      held === 'nothing'
        ? `The vault holds nothing of ${record.path} any more; only its record is given up.`
        : `${record.path} (${record.sizeBytes} bytes, sha256 ${record.sha256}) is destroyed in the vault.`
    return {
      kind: 'ready',
      inverse: null,
      resources: [`file:${record.path}`],
      touches: [record.path],
      impact: { would: [would], hurts: [forGood, ...others], gaps: [] },
    } satisfies Prepared<null>
  },

  apply: async (bench, params) => {
    const record = namedQuarantine(bench, params)
    if ('code' in record) throw new RecourseError(record.code, record.detail)
    await bench.vault.release(record)
    return { summary: `${fileWords(record)} was destroyed in the vault.`, gaps: [] }
  },

  verify: async (bench, { quarantine, path, sha256 }) => {
    const key = { item: quarantine, sha256 }
    const isGone = bench.vault.holds(key) === 'nothing'
    const found = bench.quarantined(quarantine)
    const sizeBytes = 'record' in found ? found.record.sizeBytes : 0
    const evidence: Evidence = {
      subject: 'vault',
      found: isGone ? 'The vault holds nothing of it any more.' : 'The vault still holds it.',
      holds: isGone,
      at: bench.nowMs(),
      file: { path, sha256, sizeBytes },
    }
    return [evidence]
  },

  purges: ({ quarantine }) => [quarantine],
})

const forGood = { what: 'the way back', detail: 'The file cannot be put back afterwards, by anybody.' }

/** Equal files are kept once: bytes that another item needs stay for it. */
async function sharing({ vault }: Bench, { item, sha256 }: FileRecord) {
  const others = (await vault.list()).filter((it) => it.sha256 === sha256 && it.item !== item).length
  if (others === 0) return []
  const detail = `${others} more of the vault have the same content and keep it; each is purged by itself.`
  return [{ what: 'same content', detail }]
}

function fileWords({ path, sizeBytes, sha256, metadata }: FileRecord): string {
  const nanoseconds = metadata.platform === 'linux' ? BigInt(metadata.mtimeNs) : null
  const changed =
    nanoseconds === null ? '' : `, last changed ${new Date(Number(nanoseconds / 1_000_000n)).toISOString()}`
  return `${path} (${sizeBytes} bytes, sha256 ${sha256}${changed})`
}
