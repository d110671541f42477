import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstMatch, groupRule, type MatchedDevice, matchesRule, type RuleRow } from './match.ts'

const device: MatchedDevice = { name: 'WEB-01', domain: 'shop.example', tags: ['pci', 'front'], platform: 'linux' }
const row = (property: RuleRow['property'], operator: RuleRow['operator'], value: string): RuleRow => ({
  property,
  operator,
  value,
})

describe('device groups', () => {
  test.each([
    ['equals', 'web-01', true],
    ['equals', 'web', false],
    ['starts-with', 'web', true],
    ['ends-with', '-01', true],
    ['contains', 'b-0', true],
    ['contains', 'db', false],
  ] as const)('[POL3] the name of WEB-01 %s %s: %s', (operator, value, matched) => {
    expect(matchesRule(device, [row('name', operator, value)])).toBe(matched)
  })

  test('[POL3] rows on one property are alternatives, different properties must all agree', () => {
    const names = [row('name', 'starts-with', 'db'), row('name', 'starts-with', 'web')]
    expect(matchesRule(device, names)).toBe(true)
    expect(matchesRule(device, [...names, row('tag', 'equals', 'PCI')])).toBe(true)
    expect(matchesRule(device, [...names, row('platform', 'equals', 'windows')])).toBe(false)
  })

  test('[LIFE9] an empty rule matches nobody', () => {
    expect(matchesRule(device, [])).toBe(false)
  })

  test('[POL3] the group with the highest rank that matches has the device; with none it is the default group', () => {
    const web = { rank: 2, rule: [row('name', 'starts-with', 'web')] }
    const linux = { rank: 1, rule: [row('platform', 'equals', 'linux')] }
    const windows = { rank: 0, rule: [row('platform', 'equals', 'windows')] }
    expect(firstMatch(device, [web, windows, linux])).toBe(linux)
    expect(firstMatch(device, [windows])).toBeNull()
  })

  test('[POL3] an eleventh row on one property is refused', () => {
    const rows = Array.from({ length: 11 }, (_, at) => row('name', 'equals', `n${at}`))
    expect(groupRule.safeParse(rows).success).toBe(false)
    expect(groupRule.safeParse(rows.slice(1)).success).toBe(true)
  })

  test('[POL3] a further row on another property never lets more devices in', () => {
    const anyRow = fc.record<RuleRow>({
      property: fc.constantFrom('name', 'domain', 'tag', 'platform'),
      operator: fc.constantFrom('equals', 'starts-with', 'ends-with', 'contains'),
      value: fc.constantFrom('web', '01', 'pci', 'linux', 'shop', 'x'),
    })
    fc.assert(
      fc.property(fc.array(anyRow, { minLength: 1, maxLength: 6 }), anyRow, (rule, further) => {
        fc.pre(!rule.some(({ property }) => property === further.property))
        expect(!matchesRule(device, rule) && matchesRule(device, [...rule, further])).toBe(false)
      }),
    )
  })
})
