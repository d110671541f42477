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

export const collectQuarantined = defineAction({
  name: 'collect-quarantined',
  title: 'Collect quarantined file',
  description:
    'Brings a copy of a quarantined file to the control plane, for analysis. Nothing changes on the device; who may download it there sees what is in it.',
  // What is in a file may be nobody else’s business: the copy cannot be taken back once somebody has read it.
  risk: 'disruptive',
  technique: { tactic: 'Detect', id: 'D3-FA', name: 'File Analysis' },
  heldInForce: false,
  params,
  example: {
    quarantine: '01890a5d-ac96-774b-bcce-b302099a8057',
    path: '/tmp/dropper',
    sha256: 'a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447',
  },
  undo: { irreversible: 'Nothing changes on the device, so there is nothing to take back.' },
  // The target of the quarantine itself: what is done with one file is done in the order in which it was decided.
  target: ({ path }) => ({ kind: 'file', key: path, label: path }),
  summarise: ({ path }) => `send the control plane a copy of what its vault holds of ${path}`,
})
