import { describe, expect, test } from 'vitest'
import type { ModelMachine } from '../host/model/machine.ts'
import { atEachMoment, here, holdsIt, pathsWith, type Scene, setUp, there } from './attack-scene.ts'
import { marks } from './vault-scene.ts'

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
      async (scene, code) => {
        const { machine, vault, taken } = scene
        expect(pathsWith(machine, 'victim')).toHaveLength(1)
        expect(pathsWith(machine, 'innocent')).toHaveLength(1)
        const held = await holdsIt(vault, taken)
        if (code === 'done') expect(held).toBe(true)
        else expect(['target_changed', 'target_not_found']).toContain(code)
        // Whatever the vault holds for the item is the file of the record, or nothing.
        const items = await vault.list()
        expect(items.every(({ state, sha256 }) => state !== 'stray' && sha256 === taken.sha256)).toBe(true)
        if (!held) expect(await vault.list()).toEqual([])
        await vault.seal()
        expect(await vault.seal()).toEqual({ sealed: 0, left: [] })
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
        async ({ machine, vault, taken }, code) => {
          expect(code).toBe(wrote ? 'target_changed' : 'done')
          expect(pathsWith(machine, 'evil more')).toEqual(wrote ? [path] : [])
          expect(await holdsIt(vault, taken)).toBe(!wrote)
          if (wrote) expect(await vault.list()).toEqual([])
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
      async ({ vault, taken, machine }, code) => {
        expect(await holdsIt(vault, taken)).toBe(code === 'done')
        expect(machine.exists(here)).toBe(code !== 'done')
      },
    )
    // Before the hash it is another file; after it, only its number differs.
    expect([...endings.keys()].toSorted()).toEqual(['done', 'target_changed'])
    expect(endings.get('done')).toBeGreaterThan(2)
  })

  /** Exchanged for an innocent file, and from then on somebody acts whenever its name is free. */
  const exchangedAndMore = async (moment: number, more: (scene: Scene) => void) => {
    const scene = await setUp(here)
    const { machine } = scene
    let calls = 0
    machine.meanwhile(() => {
      const at = calls++ - moment
      if (at === 0) {
        machine.rename(here, `${here}.aside`)
        machine.rename(`${here}.innocent`, here)
      }
      if (at > 0 && !machine.exists(here)) more(scene)
    })
    await scene.vault.take(scene.taken).catch(() => null)
    machine.meanwhile(null)
    return scene
  }

  test('whose name is then taken once more, an innocent file goes back beside it', async () => {
    let beside = 0
    for (let moment = 0; moment < 40; moment++) {
      const { machine, vault } = await exchangedAndMore(moment, (scene) => scene.machine.writeFile(here, 'third'))
      expect(pathsWith(machine, 'innocent')).toHaveLength(1)
      if (machine.exists(`${here}.restored-1`)) beside++
      expect((await vault.list()).some(({ state }) => state === 'stray')).toBe(false)
    }
    expect(beside).toBeGreaterThan(0)
  })

  test('whose directory takes nothing any more, an innocent file is kept, listed, and given back later', async () => {
    let kept = 0
    for (let moment = 0; moment < 40; moment++) {
      const { machine, vault, taken } = await exchangedAndMore(moment, (scene) => {
        if (scene.machine.exists('/home/u')) scene.machine.change('/home/u', { flags: 0x10 })
      })
      if (vault.holds(taken) !== 'stray') continue
      kept++
      expect(await vault.list()).toMatchObject([{ item: taken.item, state: 'stray', sizeBytes: 8 }])
      expect((await vault.check(taken)).intact).toBe(false)
      machine.change('/home/u', { flags: 0 })
      await vault.restore(taken, taken.path)
      expect(pathsWith(machine, 'innocent')).toEqual([here])
      expect(await vault.list()).toEqual([])
    }
    expect(kept).toBeGreaterThan(0)
  })
})
