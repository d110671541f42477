import { hash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { ModelMachine } from '../host/model/machine.ts'
import type { FileRecord, Vault } from './vault.ts'
import { marks, pathOf, vaultFolder, vaultScene } from './vault-scene.ts'

/**
 * Somebody acts once, at each moment there is: before the first call of the agent to its machine, before the second, and so on. Every way
 * two programs can come between each other with one act is in here.
 */

type Scene = Awaited<ReturnType<typeof setUp>>

const setUp = async (path: string) => {
  const scene = vaultScene()
  const { machine } = scene
  machine.writeFile(path, 'evil', marks)
  machine.writeFile(`${path}.innocent`, 'innocent', { mode: 0o640, uid: 1000 })
  machine.writeFile('/elsewhere/evil', 'victim', { mode: 0o600 })
  const vault = await scene.open()
  return { ...scene, path, folder: path.slice(0, path.lastIndexOf('/')), vault, taken: await scene.record(path) }
}

const atEachMoment = async (
  begin: () => Promise<Scene>,
  act: (scene: Scene) => Promise<unknown>,
  attack: (scene: Scene) => void,
  check: (scene: Scene, code: unknown, at: string) => void | Promise<void>,
): Promise<Map<unknown, number>> => {
  const endings = new Map<unknown, number>()
  for (let moment = 0; ; moment++) {
    const scene = await begin()
    let calls = 0
    scene.machine.meanwhile(() => {
      if (calls++ === moment) attack(scene)
    })
    const code = await act(scene).then(
      () => 'done',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : Promise.reject(error)),
    )
    scene.machine.meanwhile(null)
    if (calls <= moment) return endings
    endings.set(code, (endings.get(code) ?? 0) + 1)
    await check(scene, code, `moment ${moment}, ${String(code)}`)
  }
}

/** Where on the machine, the vault aside, a content is. */
const pathsWith = (machine: ModelMachine, content: string): string[] => {
  const sha256 = hash('sha256', content)
  return Object.entries(machine.snapshot({ without: [vaultFolder] }).files).flatMap(([path, view]) =>
    'sha256' in view && view.sha256 === sha256 ? [path] : [],
  )
}

const holdsIt = async (vault: Vault, record: FileRecord) => (await vault.check(record)).intact

/** Gone, when the agent was faster. */
const setAside = (machine: ModelMachine, path: string): void => {
  if (machine.exists(path)) machine.rename(path, `${path}.aside`)
}

const acts: Record<string, (scene: Scene) => void> = {
  'an innocent file is renamed over it': ({ machine, path }) => machine.rename(`${path}.innocent`, path),
  'it is exchanged for an innocent file': ({ machine, path }) => {
    setAside(machine, path)
    machine.rename(`${path}.innocent`, path)
  },
  'it is exchanged for a link to a victim': ({ machine, path }) => {
    setAside(machine, path)
    machine.symlink(path, '/elsewhere/evil')
  },
  'it is exchanged for a directory': ({ machine, path }) => {
    setAside(machine, path)
    machine.writeFile(`${path}/inside`, 'inside')
  },
  'it is exchanged for a FIFO': ({ machine, path }) => {
    setAside(machine, path)
    machine.special(path, 'fifo')
  },
  'its directory is exchanged for another one': ({ machine, folder }) => {
    machine.rename(folder, `${folder}.aside`)
    machine.rename('/elsewhere', folder)
  },
  'its directory is exchanged for a link to a victim’s': ({ machine, folder }) => {
    machine.rename(folder, `${folder}.aside`)
    machine.symlink(folder, '/elsewhere')
  },
}

/** On another file system the exchange of directories would need one more; names there stay on it. */
const here = '/home/u/evil'
const there = '/data/x/evil'
const onOneFileSystem = (act: string) => act !== 'its directory is exchanged for another one'
const cases = [here, there].flatMap((path) =>
  Object.entries(acts)
    .filter(([name]) => path === here || onOneFileSystem(name))
    .map(([name, attack]) => ({ name, path, attack })),
)

describe('[VLT2] while a file is taken', () => {
  test.each(cases)('$path: $name; nothing else is lost, moved or kept', async ({ path, attack }) => {
    const endings = await atEachMoment(
      () => setUp(path),
      ({ vault, taken }) => vault.take(taken),
      attack,
      async (scene, code, at) => {
        const { machine, vault, taken } = scene
        expect(pathsWith(machine, 'victim'), at).toHaveLength(1)
        expect(pathsWith(machine, 'innocent'), at).toHaveLength(1)
        const held = await holdsIt(vault, taken)
        if (code === 'done') expect(held, at).toBe(true)
        else expect(['target_changed', 'target_not_found'], at).toContain(code)
        // Whatever the vault holds for the item is the file of the record, or nothing.
        expect(
          (await vault.list()).every(({ state, sha256 }) => state !== 'stray' && sha256 === taken.sha256),
          at,
        ).toBe(true)
        if (!held) expect(await vault.list(), at).toEqual([])
        await vault.seal()
        expect(await vault.seal(), at).toEqual({ sealed: 0, left: [] })
      },
    )
    // The act came early enough to be noticed, and late enough not to matter.
    expect([...endings.keys()]).toContain('done')
    expect(endings.size).toBeGreaterThan(1)
  })

  test.each([here, there])(
    '%s: what somebody writes to it is not lost, and not taken for what was approved',
    async (path) => {
      let wrote = false
      const endings = await atEachMoment(
        async () => {
          wrote = false
          return await setUp(path)
        },
        ({ vault, taken }) => vault.take(taken),
        ({ machine }) => {
          wrote = machine.exists(path)
          if (wrote) machine.writeAt(path, ' more', 4)
        },
        async ({ machine, vault, taken }, code, at) => {
          expect(code, at).toBe(wrote ? 'target_changed' : 'done')
          expect(pathsWith(machine, 'evil more'), at).toEqual(wrote ? [path] : [])
          expect(await holdsIt(vault, taken), at).toBe(!wrote)
          if (wrote) expect(await vault.list(), at).toEqual([])
        },
      )
      expect(endings.size).toBe(2)
    },
  )

  test('one that an overlay file system brings under another number is the same when everything else is', async () => {
    const endings = await atEachMoment(
      async () => {
        const scene = await setUp(here)
        scene.machine.writeFile(`${here}.twin`, 'evil', marks)
        return scene
      },
      ({ vault, taken }) => vault.take(taken),
      ({ machine }) => {
        if (machine.exists(here)) machine.rename(`${here}.twin`, here)
      },
      async ({ vault, taken, machine }, code, at) => {
        expect(await holdsIt(vault, taken), at).toBe(code === 'done')
        expect(machine.exists(here), at).toBe(code !== 'done')
      },
    )
    // Before the hash it is another file; after it, only its number differs.
    expect([...endings.keys()].toSorted()).toEqual(['done', 'target_changed'])
    expect(endings.get('done')).toBeGreaterThan(2)
  })

  test('exchanged twice, what was moved by mistake and can not go back is kept and given back later', async () => {
    let kept = 0
    for (let moment = 0; moment < 60; moment++) {
      const scene = await setUp(here)
      const { machine, vault, taken } = scene
      let calls = 0
      machine.meanwhile(() => {
        const at = calls++ - moment
        if (at === 0) {
          machine.rename(here, `${here}.aside`)
          machine.rename(`${here}.innocent`, here)
        }
        // As soon as the name is free, somebody takes it.
        if (at > 0 && !machine.exists(here)) machine.writeFile(here, 'third')
      })
      await vault.take(taken).catch(() => null)
      machine.meanwhile(null)
      if (vault.holds(taken) !== 'stray') {
        expect(pathsWith(machine, 'innocent')).toHaveLength(1)
        continue
      }
      kept++
      expect(await vault.list()).toMatchObject([{ item: taken.item, state: 'stray', sizeBytes: 8 }])
      await expect(vault.restore(taken, taken.path)).rejects.toMatchObject({ code: 'place_taken' })
      machine.rename(here, `${here}.third`)
      await vault.restore(taken, taken.path)
      expect(pathsWith(machine, 'innocent')).toEqual([here])
      expect(await vault.list()).toEqual([])
    }
    expect(kept).toBeGreaterThan(0)
  })
})

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
        async (scene, code, at) => {
          const { machine, vault, taken } = scene
          expect(pathsWith(machine, 'victim'), at).toEqual(['/elsewhere/evil'])
          expect(machine.exists('/elsewhere/new'), at).toBe(false)
          const restored = pathsWith(machine, 'evil')
          if (code === 'done') expect(restored, at).toHaveLength(1)
          else {
            expect(['place_taken', 'place_changed'], at).toContain(code)
            expect(restored, at).toEqual([])
            expect(await holdsIt(vault, taken), at).toBe(true)
          }
          // Either way nothing half-made lies about.
          const names = Object.keys(machine.snapshot({ without: [vaultFolder] }).files)
          expect(
            names.filter((name) => /\/\.[0-9a-f]{32}$/.test(name)),
            at,
          ).toEqual([])
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
      expect(seen, `round ${round}`).toBeDefined()
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
        ({ machine }, code, at) => {
          const planted = pathsWith(machine, 'planted')
          if (machine.exists('/data/x/stolen'))
            expect(machine.disk.find(pathOf('/data/x/stolen'))?.metadata, at).toMatchObject({ mode: 0 })
          if (code === 'done') expect(pathsWith(machine, 'evil'), at).toEqual([there])
          else expect(code, at).toBe('place_taken')
          expect(planted.length, at).toBe(plants && code !== 'done' ? 1 : 0)
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
      await expect(vault.take(taken), plant).rejects.toMatchObject({ code: 'target_changed' })
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
    ({ machine }, code, at) => {
      const there = machine.exists(here) ? Buffer.from(machine.readFile(here)).toString() : 'nothing'
      seen.add(`${String(code)}, ${there}`)
      if (code !== 'done') expect(there, at).toBe('nothing')
      else if (there !== 'evil') expect(modeOf(machine, here), at).toBe(0o755)
    },
  )
  expect([...seen].toSorted()).toEqual(['done, Evil', 'done, evil', 'record_damaged, nothing'])
})
