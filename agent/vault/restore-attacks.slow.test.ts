import { describe, expect, test } from 'vitest'
import type { ModelMachine } from '../host/model/machine.ts'
import { atEachMoment, here, holdsIt, pathsWith, type Scene, setUp, there } from './attack-scene.ts'
import { marks, pathOf, vaultFolder } from './vault-scene.ts'

const planters: Record<string, (scene: Scene) => void> = {
  'a file is planted in its place': ({ machine, path }) => void machine.writeFile(path, 'planted'),
  'a link to a victim is planted in its place': ({ machine, path }) => void machine.symlink(path, '/elsewhere/evil'),
  'a link to nowhere is planted in its place': ({ machine, path }) => void machine.symlink(path, '/elsewhere/new'),
  'a directory is planted in its place': ({ machine, path }) => void machine.mkdir(path),
  'its directory is exchanged for another one': ({ machine, folder }) => {
    machine.rename(folder, `${folder}.aside`)
    machine.mkdir(folder)
  },
  'its directory is exchanged for a link to a victim’s': ({ machine, folder }) => {
    machine.rename(folder, `${folder}.aside`)
    machine.symlink(folder, '/elsewhere')
  },
}

const restores = [here, there].flatMap((path) =>
  [false, true].flatMap((sealed) => Object.entries(planters).map(([name, attack]) => ({ name, path, sealed, attack }))),
)

describe('[UND1] [VLT2] while a file is put back (AVGater, RedSun)', () => {
  test.each(restores)(
    '$path, sealed $sealed: $name; nothing is replaced and no other directory written to',
    async ({ path, sealed, attack }) => {
      const endings = await atEachMoment(
        async () => {
          const scene = await setUp(path)
          await scene.vault.take(scene.taken)
          if (sealed) await scene.vault.seal()
          return scene
        },
        ({ vault, taken }) => vault.restore(taken, taken.path),
        (scene) => {
          // When it is there already, the attack comes too late.
          if (!scene.machine.exists(scene.path)) attack(scene)
        },
        async (scene, code) => {
          const { machine, vault, taken } = scene
          expect(pathsWith(machine, 'victim')).toEqual(['/elsewhere/evil'])
          expect(machine.exists('/elsewhere/new')).toBe(false)
          const restored = pathsWith(machine, 'evil')
          if (code === 'done') expect(restored).toHaveLength(1)
          else {
            expect(['place_taken', 'place_changed']).toContain(code)
            expect(restored).toEqual([])
            expect(await holdsIt(vault, taken)).toBe(true)
          }
          // Either way nothing half-made lies about.
          const names = Object.keys(machine.snapshot({ without: [vaultFolder] }).files)
          expect(names.filter((name) => /\/\.[0-9a-f]{32}$/.test(name))).toEqual([])
        },
      )
      expect(endings.size).toBeGreaterThan(1)
    },
  )
})

describe('names that others have put where the vault works', () => {
  test('[VLT2] a private name in the directory does not wedge a restore, however many are seen and taken', async () => {
    const scene = await setUp(there)
    const { machine, vault, taken, folder } = scene
    await vault.take(taken)
    await vault.seal()
    const before = new Set(Object.keys(machine.snapshot().files))
    for (let round = 0; round < 12; round++) {
      // Whoever watches the directory sees each private name once, and plants something there that cannot be removed.
      let seen: string | undefined
      const planted = new Set<string>()
      machine.meanwhile(() => {
        seen ??= Object.keys(machine.snapshot().files).find(
          (name) => !before.has(name) && name.startsWith(`${folder}/.`),
        )
        if (seen === undefined || planted.has(seen)) return
        planted.add(seen)
        if (machine.exists(seen)) machine.remove(seen)
        machine.mkdir(seen)
      })
      await vault.restore(taken, taken.path).catch(() => null)
      machine.meanwhile(null)
      expect(seen).toBeDefined()
      if (machine.exists(there)) machine.remove(there)
      if (seen === undefined) continue
      before.add(seen)
      if (!machine.exists(seen)) machine.mkdir(seen)
    }
    expect(before.size).toBeGreaterThan(12)
    await vault.restore(taken, taken.path)
    expect(Buffer.from(machine.readFile(there)).toString()).toBe('evil')
  })

  test.each([true, false])(
    '[VLT2] a private file that is stolen is of no use, and what is put in its stead (%s) is not taken for it',
    async (plants) => {
      const endings = await atEachMoment(
        async () => {
          const scene = await setUp(there)
          await scene.vault.take(scene.taken)
          await scene.vault.seal()
          return scene
        },
        ({ vault, taken }) => vault.restore(taken, taken.path),
        ({ machine }) => {
          const seen = Object.keys(machine.snapshot().files).find((name) => /^\/data\/x\/\.[0-9a-f]{32}$/.test(name))
          if (seen === undefined) return
          machine.rename(seen, '/data/x/stolen')
          if (plants) machine.writeFile(seen, 'planted')
        },
        ({ machine }, code) => {
          const planted = pathsWith(machine, 'planted')
          // Whole, or without mode bits; only what was stolen after the last look before its move is whole.
          const stolen = machine.exists('/data/x/stolen')
            ? machine.disk.find(pathOf('/data/x/stolen'))?.metadata
            : undefined
          if (stolen?.platform === 'linux') {
            expect([0, marks.mode]).toContain(stolen.mode)
            if (stolen.mode !== 0) expect(pathsWith(machine, 'evil')).toContain('/data/x/stolen')
          }
          if (code === 'done') expect(pathsWith(machine, 'evil')).toEqual([there])
          else expect(code).toBe('place_taken')
          expect(planted.length).toBe(plants && code !== 'done' ? 1 : 0)
        },
      )
      expect([...endings.keys()].toSorted()).toEqual(['done', 'place_taken'])
    },
  )

  test('[VLT2] what somebody planted under the name of an item in the vault is not taken for the target', async () => {
    for (const plant of ['file', 'directory', 'link'] as const) {
      const { machine, vault, taken, path } = await setUp(here)
      const planted = `${vaultFolder}/plain/${taken.item}.${taken.sha256}`
      if (plant === 'file') machine.writeFile(planted, 'planted')
      else if (plant === 'directory') machine.mkdir(planted)
      else machine.symlink(planted, '/elsewhere/evil')
      await expect(vault.take(taken)).rejects.toMatchObject({ code: 'target_changed' })
      expect(Buffer.from(machine.readFile(path)).toString()).toBe('evil')
      // It was moved out of the way, so that it cannot wedge the item for ever (hackmyagent #338).
      await vault.take(taken)
      expect(await holdsIt(vault, taken)).toBe(true)
    }
  })

  test('[VLT2] a planted link in the place of a sealed item is not followed', async () => {
    const { machine, vault, taken } = await setUp(here)
    await vault.take(taken)
    await vault.seal()
    const blob = `${vaultFolder}/sealed/${taken.sha256}`
    machine.rename(blob, '/elsewhere/blob')
    machine.symlink(blob, '/elsewhere/blob')
    await expect(vault.restore(taken, taken.path)).rejects.toMatchObject({ code: 'target_behind_link' })
    expect(machine.exists(here)).toBe(false)
  })
})

test('[UND2] a process that kept the file open and writes cannot get other bytes restored with its set-user-id bit', async () => {
  const { machine, vault, taken, names } = await setUp(here)
  machine.link(here, '/home/u/handle')
  await vault.take(taken)
  machine.writeAt('/home/u/handle', 'E', 0)
  machine.remove('/home/u/handle')
  expect(await vault.seal()).toMatchObject({ sealed: 0, left: [{ code: 'record_damaged' }] })
  expect(await vault.check(taken)).toMatchObject({ intact: false })
  await expect(vault.restore(taken, taken.path)).rejects.toMatchObject({ code: 'record_damaged' })
  expect(machine.exists(here)).toBe(false)
  expect(names('plain')).toHaveLength(1)
  expect(names('sealed')).toEqual([])
})

test('[UND3] what such a process writes at the last moment never gets the set-user-id bit of the old', async () => {
  const modeOf = (machine: ModelMachine, path: string) => {
    const metadata = machine.disk.find(pathOf(path))?.metadata
    return metadata?.platform === 'linux' ? metadata.mode : null
  }
  const seen = new Set<string>()
  await atEachMoment(
    async () => {
      const scene = await setUp(here)
      await scene.vault.take(scene.taken)
      return scene
    },
    ({ vault, taken }) => vault.restore(taken, taken.path),
    ({ machine, taken }) => {
      const plain = `${vaultFolder}/plain/${taken.item}.${taken.sha256}`
      const mode = modeOf(machine, plain)
      if (mode === null) return
      machine.writeAt(plain, 'E', 0)
      // The kernel does that with every write, whoever writes.
      machine.change(plain, { mode: mode & ~0o6000 })
    },
    ({ machine }, code) => {
      const there = machine.exists(here) ? Buffer.from(machine.readFile(here)).toString() : 'nothing'
      seen.add(`${String(code)}, ${there}`)
      if (code !== 'done') expect(there).toBe('nothing')
      else if (there !== 'evil') expect(modeOf(machine, here)).toBe(0o755)
    },
  )
  expect([...seen].toSorted()).toEqual(['done, Evil', 'done, evil', 'record_damaged, nothing'])
})
