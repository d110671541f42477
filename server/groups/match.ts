import * as z from 'zod'

/** What a rule can look at; the four properties of the original (POL3). */
export const ruleProperty = z.enum(['name', 'domain', 'tag', 'platform'])
export type RuleProperty = z.infer<typeof ruleProperty>

/** One row of a group's rule. Letters of either case are the same. */
export const ruleRow = z.strictObject({
  property: ruleProperty,
  operator: z.enum(['equals', 'starts-with', 'ends-with', 'contains']),
  value: z.string().trim().min(1).max(255),
})
export type RuleRow = z.infer<typeof ruleRow>

/** Rows on one property are alternatives, different properties must all agree. No rows match nothing: an empty selector is never “all” (LIFE9). */
export const groupRule = z
  .array(ruleRow)
  .max(40)
  .refine(
    (rows) => ruleProperty.options.every((property) => rows.filter((row) => row.property === property).length <= 10),
    'at most ten rows for one property',
  )
export type GroupRule = z.infer<typeof groupRule>

/** What is known of a device when it is matched. */
export interface MatchedDevice {
  readonly name: string
  readonly domain: string
  readonly tags: readonly string[]
  readonly platform: string
}

export const matchesRule = (device: MatchedDevice, rule: GroupRule): boolean =>
  rule.length > 0 &&
  ruleProperty.options.every((property) => {
    const rows = rule.filter((row) => row.property === property)
    return rows.length === 0 || rows.some((row) => valuesOf(device, property).some((value) => matchesRow(value, row)))
  })

/** The first group, in order of rank, whose rule matches; null means the default group, which is always last. */
export const firstMatch = <Group extends { readonly rank: number; readonly rule: GroupRule }>(
  device: MatchedDevice,
  groups: readonly Group[],
): Group | null => groups.toSorted((a, b) => a.rank - b.rank).find(({ rule }) => matchesRule(device, rule)) ?? null

function valuesOf(device: MatchedDevice, property: RuleProperty): readonly string[] {
  switch (property) {
    case 'name':
      return [device.name]
    case 'domain':
      return [device.domain]
    case 'tag':
      return device.tags
    case 'platform':
      return [device.platform]
  }
}

function matchesRow(found: string, { operator, value }: RuleRow): boolean {
  const text = found.toLowerCase()
  const wanted = value.toLowerCase()
  switch (operator) {
    case 'equals':
      return text === wanted
    case 'starts-with':
      return text.startsWith(wanted)
    case 'ends-with':
      return text.endsWith(wanted)
    case 'contains':
      return text.includes(wanted)
  }
}
