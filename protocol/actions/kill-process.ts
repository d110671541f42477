import * as z from 'zod'
import { defineAction } from '../action-spec.ts'
import { processKey, processLabel, processTarget } from '../process-ref.ts'

const params = z.strictObject({
  target: processTarget,
  tree: z.boolean().default(false).describe('Also its children and their children, frozen first'),
})

export const killProcess = defineAction({
  name: 'kill-process',
  title: 'Kill process',
  description: 'Ends a process, or every process of an image, at once. What it had not saved is lost.',
  risk: 'destructive',
  technique: { tactic: 'Evict', id: 'D3-PT', name: 'Process Termination' },
  heldInForce: false,
  params,
  example: {
    target: { process: { pid: 4711, startedAt: '180042', bootId: '6d1f4b1e-7c1f-4a53-9a0e-0f6f1f0c9f11' } },
    tree: true,
  },
  undo: { irreversible: 'A killed process cannot be brought back; what it held in memory is lost.' },
  target: ({ target }) => ({ kind: 'process', key: processKey(target), label: processLabel(target) }),
  summarise: ({ target, tree }) => `kill ${processLabel(target)}${tree ? ' and all its descendants' : ''}`,
})
