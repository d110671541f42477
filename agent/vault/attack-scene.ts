import { hash } from 'node:crypto'
import type { ModelMachine } from '../host/model/machine.ts'
import type { FileRecord, Vault } from './vault.ts'
import { marks, vaultFolder, vaultScene } from './vault-scene.ts'

/**
 * A file to take, an innocent one beside it, and a victim elsewhere that nobody here has any business with; for tests.
 */
export const setUp = async (path: string) => {
  const scene = vaultScene()
  const { machine } = scene
  machine.writeFile(path, 'evil', marks)
  machine.writeFile(`${path}.innocent`, 'innocent', { mode: 0o640, uid: 1000 })
  machine.writeFile('/elsewhere/evil', 'victim', { mode: 0o600 })
  const vault = await scene.open()
  return { ...scene, path, folder: path.slice(0, path.lastIndexOf('/')), vault, taken: await scene.record(path) }
}

export type Scene = Awaited<ReturnType<typeof setUp>>

/** On the file system of the vault, and on another one. */
export const here = '/home/u/evil'
export const there = '/data/x/evil'

/**
 * Somebody acts once, at each moment there is: before the first call of the agent to its machine, before the second,
 * and so on. Every way in which one act can come between is in here. With a `stretch` he acts more than once: before
 * which of the calls from that moment on. Returns how often the agent's own act ended how: `done`, or a code.
 */
export const atEachMoment = async (
  begin: () => Promise<Scene>,
  act: (scene: Scene) => Promise<unknown>,
  attack: (scene: Scene) => void,
  check: (scene: Scene, code: string) => void | Promise<void>,
  stretch: readonly boolean[] = [true],
): Promise<Map<string, number>> => {
  const endings = new Map<string, number>()
  for (let moment = 0; ; moment++) {
    const scene = await begin()
    let calls = 0
    scene.machine.meanwhile(() => {
      if (stretch[calls++ - moment] === true) attack(scene)
    })
    const code = await act(scene).then(() => 'done', codeOf)
    scene.machine.meanwhile(null)
    if (calls <= moment) return endings
    endings.set(code, (endings.get(code) ?? 0) + 1)
    try {
      await check(scene, code)
    } catch (cause) {
      throw new Error(`at moment ${moment}, which ended ${code}`, { cause })
    }
  }
}

/** Every stretch of four calls before the first of which, and before any of the others, somebody acts. */
export const stretches: readonly (readonly boolean[])[] = Array.from({ length: 8 }, (_, bits) => [
  true,
  ...[1, 2, 4].map((bit) => (bits & bit) !== 0),
])

/** The code of a failure that has one; anything else is thrown on. */
export const codeOf = (error: unknown): string => {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}

/** Where on the machine, the vault aside, a content is. */
export const pathsWith = (machine: ModelMachine, content: string): string[] => {
  const sha256 = hash('sha256', content)
  return Object.entries(machine.snapshot({ without: [vaultFolder] }).files).flatMap(([path, view]) =>
    'sha256' in view && view.sha256 === sha256 ? [path] : [],
  )
}

export const holdsIt = async (vault: Vault, record: FileRecord): Promise<boolean> => (await vault.check(record)).intact
