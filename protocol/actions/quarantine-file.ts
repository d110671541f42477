import * as z from 'zod'
import { defineAction } from '../action-spec.ts'
import { filePath } from '../file-path.ts'
import { dataRange, fileMetadata, identity, sha256 } from '../file-record.ts'

const params = z.strictObject({
  path: filePath.describe('Absolute path of the file'),
  sha256: sha256.describe('What the file must contain; anything else is refused (VLT5)'),
})

const inverse = z.strictObject({
  v: z.literal(1),
  path: filePath,
  /** The directory that held the file; a restore into another one is refused (VLT2). */
  directory: identity,
  file: identity,
  sha256,
  sizeBytes: z.int().min(0),
  metadata: fileMetadata,
  /** Stored runs of a sparse file; null when it had no holes or the file system cannot tell. */
  ranges: z.array(dataRange).nullable(),
  /** Names of the same file before; more than 1 means that other names remain and the relation is not restored. */
  links: z.int().min(1),
  /** Name of the item in the vault. */
  item: z.string().regex(/^[0-9a-f-]{36}$/),
})

export const quarantineFile = defineAction({
  name: 'quarantine-file',
  title: 'Quarantine file',
  description:
    'Moves the file into the vault of the device, where nothing can run or read it. It can be put back exactly.',
  risk: 'disruptive',
  technique: { tactic: 'Isolate', id: 'D3-CQ', name: 'Content Quarantine' },
  heldInForce: false,
  params,
  example: { path: '/tmp/dropper', sha256: 'a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447' },
  undo: {
    title: 'Release from quarantine',
    technique: { tactic: 'Restore', id: 'D3-RF', name: 'Restore File' },
    inverse,
  },
  target: ({ path }) => ({ kind: 'file', key: path, label: path }),
  summarise: ({ path }) => `move ${path} into its vault`,
})
