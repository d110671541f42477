import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Gap } from '../../protocol/outcome.ts'
import type { FileOptions } from '../host/model/file-verbs.ts'
import { defaultChunkBytes } from './sealed-format.ts'
import { vaultFolder, vaultScene } from './vault-scene.ts'

/** Sizes at which something changes: none, one chunk, its borders, several. */
const sizes = fc.oneof(
  fc.integer({ min: 0, max: 5_000 }),
  fc.constantFrom(-1, 0, 1).map((beside) => defaultChunkBytes + beside),
  fc.constantFrom(-1, 0, 1).map((beside) => 2 * defaultChunkBytes + beside),
)

const timeNs = fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n }).map(String)
const xattr = fc.record({
  name: fc.stringMatching(/^(user|trusted|security)\.[a-z_.]{1,40}$/).map((name) => new TextEncoder().encode(name)),
  value: fc.uint8Array({ maxLength: 300 }),
})
const marks: fc.Arbitrary<FileOptions> = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 70_000 }),
  gid: fc.integer({ min: 0, max: 70_000 }),
  atimeNs: timeNs,
  mtimeNs: timeNs,
  xattrs: fc.uniqueArray(xattr, { maxLength: 6, selector: ({ name }) => String(name) }),
  flags: fc.constantFrom(0, 0x10, 0x20, 0x30, 0x40, 0x80),
})

const file = fc.record({
  marks,
  size: sizes,
  filling: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  /** Where a second run of bytes begins, in blocks beyond the end. */
  hole: fc.option(fc.integer({ min: 1, max: 300 }), { nil: null }),
  folder: fc.constantFrom('/home/u', '/data/x'),
  sealed: fc.boolean(),
  reopened: fc.boolean(),
})

test('[UND3] whatever a file is like, taking and restoring it changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(file, { minLength: 1, maxLength: 4 }), async (files) => {
      const scene = vaultScene()
      const { machine } = scene
      for (const [index, { size, filling, hole, folder, marks: all }] of files.entries()) {
        const path = `${folder}/${index}`
        machine.writeFile(path, Buffer.alloc(size, filling))
        if (hole !== null) machine.writeAt(path, filling, size + hole * 4096)
        machine.change(path, all)
      }
      const before = machine.snapshot({ without: [vaultFolder] })
      let vault = await scene.open()
      const records = []
      for (const [index, { folder, sealed }] of files.entries()) {
        const taken = await scene.record(`${folder}/${index}`)
        await vault.take(taken)
        if (sealed) expect((await vault.seal()).left).toEqual([])
        records.push(taken)
      }
      const gaps: Gap[] = []
      for (const [index, taken] of records.entries()) {
        if (files[index]?.reopened === true) vault = await scene.open()
        expect(await vault.check(taken)).toMatchObject({ intact: true })
        gaps.push(...(await vault.restore(taken, taken.path)).gaps)
      }
      expect(gaps).toEqual([])
      expect(machine.snapshot({ without: [vaultFolder] })).toEqual(before)
      for (const taken of records) await vault.release(taken)
      expect(await vault.list()).toEqual([])
      for (const part of ['plain', 'sealed', 'items']) expect(scene.names(part)).toEqual([])
    }),
    { numRuns: 100, seed: 20_261_121 },
  )
})
