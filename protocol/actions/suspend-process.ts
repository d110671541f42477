import * as z from 'zod'
import { defineAction } from '../action-spec.ts'
import { processKey, processLabel, processRef, processTarget } from '../process-ref.ts'

const params = z.strictObject({
  target: processTarget,
  tree: z.boolean().default(false).describe('Also its children and their children'),
})

const inverse = z.strictObject({
  v: z.literal(1),
  /** Those that were running; only these are resumed. */
  processes: z.array(processRef).min(1).max(10_000),
  /** Those that stood still already; a resume leaves them so. */
  alreadySuspended: z.array(processRef).max(10_000),
})

export const suspendProcess = defineAction({
  name: 'suspend-process',
  title: 'Suspend process',
  description:
    'Freezes a process, or every process of an image, where it stands. Resuming lets it go on; a restart of the device ends it.',
  risk: 'disruptive',
  technique: { tactic: 'Evict', id: 'D3-PS', name: 'Process Suspension' },
  heldInForce: false,
  params,
  example: { target: { imageSha256: 'a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447' } },
  undo: { title: 'Resume process', technique: { tactic: 'Restore', id: 'D3-RO', name: 'Restore Object' }, inverse },
  target: ({ target }) => ({ kind: 'process', key: processKey(target), label: processLabel(target) }),
  summarise: ({ target, tree }) => `suspend ${processLabel(target)}${tree ? ' and all its descendants' : ''}`,
})
