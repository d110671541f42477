import * as z from 'zod'
import { defineAction } from '../action-spec.ts'

const params = z.strictObject({
  /** Selective isolation with exclusions is a later value of this field. */
  scope: z.enum(['full']).default('full').describe('full: only the control plane stays reachable'),
})

/** One end that stays reachable: an address, v4 or v6, and a TCP port. */
export const endpoint = z.strictObject({ address: z.union([z.ipv4(), z.ipv6()]), port: z.int().min(1).max(65_535) })
export type Endpoint = z.infer<typeof endpoint>

const inverse = z.strictObject({
  v: z.literal(1),
  /** What stays reachable: the pinned control plane, from the agent's own enrolment, never from an order (ISO1). */
  reachable: z.array(endpoint).min(1).max(64),
  /** What answered before and must not answer now: only those prove the cut (ISO2). Empty when nothing could. */
  canaries: z.array(endpoint).max(16),
  /** A table of our name that lay there before, as the firewall lists it; null when there was none (ISO4). */
  foundTable: z.string().max(1_000_000).nullable(),
})

export const isolateDevice = defineAction({
  name: 'isolate-device',
  title: 'Isolate device',
  description:
    'Cuts the device off from the network except for its control plane. It holds over restarts until it is released.',
  risk: 'disruptive',
  technique: { tactic: 'Isolate', id: 'D3-NI', name: 'Network Isolation' },
  heldInForce: true,
  params,
  example: { scope: 'full' },
  undo: {
    title: 'Release device',
    technique: { tactic: 'Restore', id: 'D3-RNA', name: 'Restore Network Access' },
    inverse,
  },
  target: () => ({ kind: 'device', key: 'network', label: 'network of the device' }),
  summarise: () => 'cut itself off from everything but its control plane',
})
