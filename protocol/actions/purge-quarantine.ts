import * as z from 'zod'
import { defineAction } from '../action-spec.ts'
import { filePath } from '../file-path.ts'
import { sha256 } from '../file-record.ts'
import { actionId } from '../ids.ts'

const params = z.strictObject({
  quarantine: actionId.describe('The action that put the file into the vault'),
  path: filePath.describe('Where the file stood; another file than that of the action is refused'),
  sha256: sha256.describe('What the vault holds of it; anything else is refused (VLT5)'),
})

export const purgeQuarantine = defineAction({
  name: 'purge-quarantine',
  title: 'Purge from quarantine',
  description: 'Destroys what the vault of the device holds of a quarantined file. Nobody can put it back afterwards.',
  risk: 'destructive',
  technique: { tactic: 'Evict', id: 'D3-FEV', name: 'File Eviction' },
  heldInForce: false,
  params,
  example: {
    quarantine: '01890a5d-ac96-774b-bcce-b302099a8057',
    path: '/tmp/dropper',
    sha256: 'a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447',
  },
  undo: { irreversible: 'A purged file cannot be put back; the device has no other copy of it.' },
  // The target of the quarantine itself: what is done with one file is done in the order in which it was decided.
  target: ({ path }) => ({ kind: 'file', key: path, label: path }),
  summarise: ({ path }) => `destroy what its vault holds of ${path}, for good`,
})
