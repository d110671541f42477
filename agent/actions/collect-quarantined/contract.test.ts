import { collectQuarantined as spec } from '../../../protocol/actions/collect-quarantined.ts'
import type { ActionId } from '../../../protocol/ids.ts'
import { modelHost } from '../../host/model/host.ts'
import { modelMachine } from '../../host/model/machine.ts'
import { openVault } from '../../vault/open-vault.ts'
import { openTarget, recordOf } from '../../vault/target.ts'
import { itemOf, pathOf, repeatable } from '../../vault/vault-scene.ts'
import { actionContract } from '../contract.ts'
import { type ActionFixture, nowhere, type Scene } from '../scene-contract.ts'
import { linux } from './linux.ts'

const folder = '/var/lib/recourse/vault'
const evil = 'a very suspicious program\n'.repeat(40)

/** A vault that holds the target. Nothing at all may change, so nothing may be touched. */
async function sceneOf(sealed: boolean): Promise<Scene<'collect-quarantined'>> {
  const machine = modelMachine({ platform: 'linux', seed: 7 })
  machine.mkdir('/var/lib/recourse', { mode: 0o700, owner: 0 })
  machine.mkdir('/home/u')
  const random = repeatable('collect')
  const openOn = (host = modelHost(machine)) => openVault({ host, folder: pathOf(folder), random })
  const vault = await openOn()
  machine.writeFile('/home/u/evil', evil)
  using target = openTarget(modelHost(machine), pathOf('/home/u/evil'))
  const record = await recordOf(target, itemOf(1))
  await vault.take(record)
  if (sealed) await vault.seal()
  vault.close()
  return {
    machine,
    params: spec.params.parse({ quarantine: record.item, path: record.path, sha256: record.sha256 }),
    ownFolders: [],
    bounds: nowhere,
    openVault: openOn,
    quarantined: (action) => (action === (record.item as ActionId) ? { record } : { gone: 'it is another one' }),
    mayChange: () => false,
  }
}

const fixture = (about: string, sealed: boolean): ActionFixture<'collect-quarantined'> => ({
  name: 'collect-quarantined',
  platform: 'linux',
  implementation: linux,
  about,
  scene: () => sceneOf(sealed),
  changes: [],
})

actionContract(fixture('a file that is not sealed yet', false))
actionContract(fixture('a sealed file', true))
