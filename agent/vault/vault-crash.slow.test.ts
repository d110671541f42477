import { describe, expect, test } from 'vitest'
import { withFaults } from '../host/faults.ts'
import { modelHost } from '../host/model/host.ts'
import type { FileRecord, Vault } from './vault.ts'
import { marks, vaultFolder, vaultScene } from './vault-scene.ts'

/**
 * The whole life of two equal files in the vault, cut before and after every effect (JRN2). A cut agent starts again
 * with the step it was at, as the core makes it do.
 */
interface Step {
  readonly what: string
  /** Whose bytes must be somewhere while this step runs. */
  readonly needs: readonly ('a' | 'b')[]
  run(vault: Vault, records: Records): Promise<unknown>
}
type Records = Readonly<Record<'a' | 'b', FileRecord>>

const life: readonly Step[] = [
  { what: 'take a', needs: ['a', 'b'], run: (vault, { a }) => vault.take(a) },
  { what: 'seal a', needs: ['a', 'b'], run: (vault) => vault.seal() },
  { what: 'take b', needs: ['a', 'b'], run: (vault, { b }) => vault.take(b) },
  { what: 'seal b', needs: ['a', 'b'], run: (vault) => vault.seal() },
  { what: 'restore a', needs: ['a', 'b'], run: (vault, { a }) => vault.restore(a, a.path) },
  { what: 'release a', needs: ['a', 'b'], run: (vault, { a }) => vault.release(a) },
  { what: 'restore b', needs: ['a', 'b'], run: (vault, { b }) => vault.restore(b, b.path) },
  { what: 'release b', needs: ['a', 'b'], run: (vault, { b }) => vault.release(b) },
]

/** The same, but put back before it was sealed. */
const hurried = life.filter(({ what }) => !what.startsWith('seal'))

const begin = async (folder: string) => {
  const scene = vaultScene()
  const { machine } = scene
  machine.writeFile(`${folder}/a`, 'the same', { ...marks, flags: 0x10 })
  machine.writeFile(`${folder}/b`, 'the same', { ...marks, mode: 0o600 })
  const before = machine.snapshot({ without: [vaultFolder] })
  const records: Records = { a: await scene.record(`${folder}/a`), b: await scene.record(`${folder}/b`) }
  return { ...scene, records, before }
}

/** Effects of the whole life, counted once. */
const effectsIn = async (folder: string, steps: readonly Step[]): Promise<number> => {
  const { machine, open, records } = await begin(folder)
  let effects = 0
  const vault = await open(withFaults(modelHost(machine), (phase) => phase === 'before' && effects++))
  for (const step of steps) await step.run(vault, records)
  return effects
}

const isThere = async ({ machine, open }: Awaited<ReturnType<typeof begin>>, record: FileRecord): Promise<boolean> => {
  if (machine.exists(record.path) && Buffer.from(machine.readFile(record.path)).toString() === 'the same') return true
  // A private name beside its place counts: the next call finds it by the record.
  const files = machine.snapshot({ without: [vaultFolder] }).files
  if (Object.keys(files).some((path) => /\/\.[0-9a-f]{32}$/.test(path))) return true
  return (await (await open()).check(record)).intact
}

describe.each([
  ['on the file system of the vault, sealed', '/home/u', life],
  ['on the file system of the vault, never sealed', '/home/u', hurried],
  ['on another file system, sealed', '/data/x', life],
  ['on another file system, never sealed', '/data/x', hurried],
] as const)('two files %s', (_, folder, steps) => {
  test('[JRN2] [UND4] cut at any effect nothing is lost, and going on ends as if it had never been cut', async () => {
    const count = await effectsIn(folder, steps)
    expect(count).toBeGreaterThan(40)
    for (let cut = 0; cut < 2 * count; cut++) {
      const world = await begin(folder)
      const { machine, open, records } = world
      let effects = 0
      const host = withFaults(modelHost(machine), (phase) => {
        if (phase === 'before') effects++
        const now = 2 * (effects - 1) + (phase === 'after' ? 1 : 0)
        if (now === cut) throw new Error('cut')
      })
      let at = 0
      try {
        const vault = await open(host)
        for (; at < steps.length; at++) await steps[at]?.run(vault, records)
      } catch (error) {
        if (!(error instanceof Error) || error.message !== 'cut') throw error
      }
      try {
        expect(at).toBeLessThan(steps.length)
        for (const name of steps[at]?.needs ?? []) expect(await isThere(world, records[name])).toBe(true)
        const vault = await open()
        for (; at < steps.length; at++) await steps[at]?.run(vault, records)
        await vault.seal()
        expect(machine.snapshot({ without: [vaultFolder] })).toEqual(world.before)
        for (const part of ['plain', 'sealed', 'items', 'work', 'stray']) expect(world.names(part)).toEqual([])
      } catch (cause) {
        throw new Error(`cut ${cut} of ${2 * count}`, { cause })
      }
    }
  })
})
