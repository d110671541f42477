import { createHash } from 'node:crypto'
import { purgeQuarantine as spec } from '../../../protocol/actions/purge-quarantine.ts'
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

/** A vault that holds the target and one file beside it. */
async function sceneOf(neighbour: string, sealed: boolean): Promise<Scene<'purge-quarantine'>> {
  const machine = modelMachine({ platform: 'linux', seed: 7 })
  machine.mkdir('/var/lib/recourse', { mode: 0o700, owner: 0 })
  machine.mkdir('/home/u')
  const random = repeatable('purge')
  const openOn = (host = modelHost(machine)) => openVault({ host, folder: pathOf(folder), random })
  const take = async (path: string, content: string, item: string) => {
    machine.writeFile(path, content)
    using target = openTarget(modelHost(machine), pathOf(path))
    const record = await recordOf(target, item)
    await vault.take(record)
    return record
  }
  const vault = await openOn()
  const record = await take('/home/u/evil', evil, itemOf(1))
  await take('/home/u/other', neighbour, itemOf(2))
  if (sealed) await vault.seal()
  vault.close()
  return {
    machine,
    params: spec.params.parse({ quarantine: record.item, path: record.path, sha256: record.sha256 }),
    ownFolders: [],
    bounds: nowhere,
    openVault: openOn,
    quarantined: (action) => (action === (record.item as ActionId) ? { record } : { gone: 'it is another one' }),
    mayChange: (place) =>
      place === `file ${folder}/plain/${record.item}.${record.sha256}` ||
      place === `file ${folder}/items/${record.item}.${record.sha256}` ||
      (neighbour !== evil && place === `file ${folder}/sealed/${createHash('sha256').update(evil).digest('hex')}`),
  }
}

const fixture = (about: string, neighbour: string, sealed: boolean): ActionFixture<'purge-quarantine'> => ({
  name: 'purge-quarantine',
  platform: 'linux',
  implementation: linux,
  about,
  scene: () => sceneOf(neighbour, sealed),
  changes: [],
})

actionContract(fixture('a file that is not sealed yet', 'another one', false))
actionContract(fixture('a sealed file', 'another one', true))
actionContract(fixture('a sealed file whose content another item needs too', evil, true))
