import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { actionNames, specOf, undoTitleOf } from '../../protocol/actions/index.ts'
import { actionId, deviceId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { type EndedAction, toOcsf } from './ocsf.ts'

/** The published shapes, as far as they require or enumerate something: base event, classes 7001–7004 and the objects they hold. */
const fingerprint = z.object({ algorithm_id: z.int(), value: z.string() })
const file = z.object({ name: z.string().min(1), type_id: z.int(), hashes: z.array(fingerprint).optional() })
const base = z.object({
  category_uid: z.literal(7),
  activity_id: z.literal([1, 2, 3, 4, 5]),
  type_uid: z.int(),
  time: z.int().positive(),
  severity_id: z.literal([0, 1, 2, 3, 4, 5, 6, 99]),
  status_id: z.literal([0, 1, 2, 3, 4, 5, 6, 99]),
  command_uid: z.string().min(1),
  metadata: z.object({ version: z.string().regex(/^\d+\.\d+\.\d+$/), product: z.object({ vendor_name: z.string() }) }),
  device: z.object({ type_id: z.int(), uid: z.string(), hostname: z.string() }),
  countermeasures: z
    .array(
      z.object({
        d3f_tactic: z.object({ name: z.string() }),
        d3f_technique: z.object({ uid: z.string(), name: z.string() }),
      }),
    )
    .min(1),
})
const published = z.discriminatedUnion('class_uid', [
  base.extend({ class_uid: z.literal(7001) }),
  base.extend({ class_uid: z.literal(7002), file }),
  base.extend({
    class_uid: z.literal(7003),
    process: z.object({ pid: z.int().optional(), uid: z.string().optional(), file: file.optional() }),
  }),
  base.extend({ class_uid: z.literal(7004), connection_info: z.object({ direction_id: z.int() }) }),
])

/** The class each kind of target has to be in. */
const classes = { file: 7002, process: 7003, device: 7004 } as const

const ended = (name: (typeof actionNames)[number], change: Partial<EndedAction> = {}): EndedAction => ({
  id: actionId.parse('01939f00-0000-7000-8000-000000000001'),
  kind: 'do',
  action: name,
  params: specOf(name).params.parse(specOf(name).example),
  undoOf: null,
  status: 'succeeded',
  outcome: null,
  comment: 'a dropper',
  endedAt: 1_795_280_000_000,
  device: { id: deviceId.parse('01939f00-0000-7000-8000-000000000002'), name: 'web-01', platform: 'linux' },
  ...change,
})

const failed = (code: 'target_not_found' | 'action_unsupported' | 'io_failed'): Outcome => ({
  status: 'failed',
  code,
  detail: 'x',
  effect: 'none',
  evidence: [],
  at: 1,
})

describe('OCSF events', () => {
  test.each(actionNames)('[AUD1] %s becomes a remediation event of its published class', (name) => {
    const event = toOcsf(ended(name))
    const { kind } = specOf(name).target(specOf(name).params.parse(specOf(name).example))
    expect(published.parse(event).class_uid).toBe(classes[kind])
    expect(event.type_uid).toBe(event.class_uid * 100 + event.activity_id)
    expect(event.countermeasures[0]?.d3f_technique.uid).toMatch(/^D3-/)
  })

  test.each(actionNames.filter((name) => undoTitleOf(name) !== null))(
    '[AUD1] the undo of %s is a restore that points at what it takes back',
    (name) => {
      const undoOf = actionId.parse('01939f00-0000-7000-8000-000000000009')
      const event = toOcsf(ended(name, { kind: 'undo', undoOf }))
      expect(published.parse(event).activity_id).toBe(3)
      expect(event.metadata.correlation_uid).toBe(undoOf)
    },
  )

  test.each([
    ['succeeded', null, 1],
    ['failed', failed('io_failed'), 6],
    ['failed', failed('action_unsupported'), 5],
    ['failed', failed('target_not_found'), 3],
    ['rejected', null, 2],
    ['expired', null, 2],
  ] as const)('[AUD1] %s (%j) has the published status', (status, outcome, id) => {
    expect(toOcsf(ended('quarantine-file', { status, outcome })).status_id).toBe(id)
  })

  test('[AUD1] what has not ended has no event', () => {
    expect(() => toOcsf(ended('quarantine-file', { status: 'running' }))).toThrow('has not ended')
  })
})
