import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { modelHost } from '../../agent/host/model/host.ts'
import { openVault } from '../../agent/vault/open-vault.ts'
import { openTarget, recordOf } from '../../agent/vault/target.ts'
import { itemOf, pathOf, repeatable } from '../../agent/vault/vault-scene.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { noAction } from './failing.ts'
import { type Life, startLife } from './life.ts'
import { plainMix, profileOf } from './profile.ts'
import { type Scene, sceneOf } from './scenery.ts'
import { witnessOf } from './witness.ts'

const profile = profileOf(7, 3, { ...plainMix, windows: 0 })
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A machine whose vault holds every file that can be taken, as an earlier life left them: none of them is sealed yet. */
async function withPlainVault() {
  const scene = sceneOf(7, profile, () => 1_800_000_000_000)
  const host = modelHost(scene.machine)
  const vault = await openVault({ host, folder: vaultOf(scene), random: repeatable('life') })
  for (const [at, { action, params }] of scene.targets.entries()) {
    if (action !== 'quarantine-file') continue
    using target = openTarget(host, pathOf(String(params['path'])))
    await vault.take(await recordOf(target, itemOf(at)))
  }
  vault.close()
  const folder = mkdtempSync(join(tmpdir(), 'recourse-life-'))
  folders.push(folder)
  return { scene, folder }
}

const vaultOf = ({ machine, stateFolder }: Scene) => machine.disk.path(`${stateFolder}/vault`)

const plainIn = ({ machine, stateFolder }: Scene): number => {
  using plain = modelHost(machine).files.openDirectory(pathOf(`${stateFolder}/vault/plain`))
  return plain.names().length
}

const lifeOn = (scene: Scene, folder: string, dies: () => boolean, died: () => void = () => undefined): Promise<Life> =>
  startLife({
    scene,
    profile,
    identity: { deviceId: '01890a5d-ac96-774b-bcce-000000000001' as DeviceId, mandateKeys: [] },
    folder,
    witness: witnessOf(scene),
    random: () => 0.5,
    failures: () => noAction,
    dies,
    died,
    denied: () => undefined,
    changed: () => undefined,
    committing: () => undefined,
    fault: (what) => expect.unreachable(what),
  })

test('[JRN2] an agent that dies at any commit or effect of its start is dead, and no failure of whoever started it; the next life finishes', async () => {
  let deaths = 0
  for (let at = 1, isDone = false; !isDone; at++) {
    const { scene, folder } = await withPlainVault()
    const before = plainIn(scene)
    let [left, died] = [at, 0]
    const first = await lifeOn(
      scene,
      folder,
      () => --left <= 0,
      () => died++,
    )
    await first.core.settled()
    await first.kill()
    isDone = left > 0
    if (!isDone) {
      expect(first.isDead()).toBe(true)
      // It is said in a turn of its own, so that the next life never begins inside of the last one.
      while (died === 0) await new Promise((resolve) => setImmediate(resolve))
      deaths++
    }
    const second = await lifeOn(scene, folder, () => false)
    expect(second.capabilities.length).toBeGreaterThan(0)
    await second.core.settled()
    expect([before, plainIn(scene)]).toEqual([3, 0])
    await second.stop()
    expect(died).toBe(isDone ? 0 : 1)
  }
  expect(deaths).toBeGreaterThan(30)
})
