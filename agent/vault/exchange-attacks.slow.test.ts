import { describe, expect, test } from 'vitest'
import { withFaults } from '../host/faults.ts'
import { modelHost } from '../host/model/host.ts'
import { atEachMoment, here, holdsIt, pathsWith, type Scene, setUp, stretches, there } from './attack-scene.ts'
import type { Vault } from './vault.ts'

/** Two names change places, as an editor or an installer does it; nobody means any harm. */
const exchange = ({ machine, path }: Scene): void => {
  if (!machine.exists(path) || !machine.exists(`${path}.innocent`)) return
  machine.rename(path, `${path}.between`)
  machine.rename(`${path}.innocent`, path)
  machine.rename(`${path}.between`, `${path}.innocent`)
}

const acts = {
  'is taken': {
    begin: setUp,
    run: (vault: Vault, { taken }: Scene) => vault.take(taken),
  },
  'is put back': {
    begin: async (path: string) => {
      const scene = await setUp(path)
      await scene.vault.take(scene.taken)
      await scene.vault.seal()
      return scene
    },
    run: (vault: Vault, { taken }: Scene) => vault.restore(taken, taken.path),
  },
  'is put back unsealed': {
    begin: async (path: string) => {
      const scene = await setUp(path)
      await scene.vault.take(scene.taken)
      return scene
    },
    run: (vault: Vault, { taken }: Scene) => vault.restore(taken, taken.path),
  },
} as const

const cases = [here, there].flatMap((path) =>
  (['is taken', 'is put back', 'is put back unsealed'] as const).map((act) => ({ path, act })),
)

const nothingLost = async (scene: Scene): Promise<void> => {
  const { machine, vault, taken } = scene
  expect(pathsWith(machine, 'innocent')).toHaveLength(1)
  expect(pathsWith(machine, 'victim')).toHaveLength(1)
  if (!(await holdsIt(vault, taken))) expect(pathsWith(machine, 'evil')).toHaveLength(1)
}

describe('[VLT2] while a file is exchanged for an innocent one, again and again', () => {
  test.each(cases)('$path $act: neither is lost', async ({ path, act }) => {
    const { begin, run } = acts[act]
    for (const stretch of stretches)
      await atEachMoment(
        () => begin(path),
        (scene) => run(scene.vault, scene),
        exchange,
        nothingLost,
        stretch,
      )
  })

  test.each(cases)('[JRN2] $path $act, and the agent is cut at any effect: neither is lost', async ({ path, act }) => {
    const { begin, run } = acts[act]
    let cuts = 0
    for (let cut = 0, reached = true; reached; cut++) {
      reached = false
      await atEachMoment(
        () => begin(path),
        async (scene) => {
          let effects = 0
          const host = withFaults(modelHost(scene.machine), () => {
            if (effects++ !== cut) return
            reached = true
            throw new Error('cut')
          })
          const vault = await scene.open(host)
          try {
            await run(vault, scene)
          } catch (error) {
            if (!(error instanceof Error) || error.message !== 'cut') throw error
            cuts++
            scene.machine.meanwhile(null)
            // A cut agent starts again with the step it was at, as the core makes it do.
            await run(await scene.open(), scene)
          }
        },
        exchange,
        async (scene) => {
          await nothingLost(scene)
          const names = Object.keys(scene.machine.snapshot({ without: ['/state/vault'] }).files)
          expect(names.filter((name) => /\/\.[0-9a-f]{32}$/.test(name))).toEqual([])
        },
      )
    }
    expect(cuts).toBeGreaterThan(50)
  })
})
