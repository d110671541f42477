import { expect, test } from 'vitest'
import { canonicalEnd, renderIsolation, renderRelease, TABLE } from './isolation-table.ts'

const bothFamilies = {
  reachable: [
    { address: 'fd77::1', port: 8443 },
    { address: '10.77.0.1', port: 8443 },
  ],
}

test('[ISO1] the whole table, as it is loaded in one transaction', async () => {
  await expect(renderIsolation(bothFamilies)).toMatchFileSnapshot('./golden/isolation-of-two-ends.nft')
})

test('[ISO1] a control plane with one family only leaves the other set empty', async () => {
  const onlyV6 = { reachable: [{ address: 'fd77::1', port: 443 }] }
  await expect(renderIsolation(onlyV6)).toMatchFileSnapshot('./golden/isolation-of-an-ipv6-end.nft')
})

test('[ISO1] the same ends in another order and spelling are the same text', () => {
  const other = {
    reachable: [
      { address: '::ffff:10.77.0.1', port: 8443 },
      { address: 'FD77:0:0::0001', port: 8443 },
      { address: '10.77.0.1', port: 8443 },
    ],
  }
  expect(renderIsolation(other)).toBe(renderIsolation(bothFamilies))
})

test('[ISO1] no rule opens DNS, and every statement is about our own table', () => {
  const text = renderIsolation(bothFamilies)
  expect(text).not.toMatch(/dport (?:53|853)\b/)
  const named = [...text.matchAll(/\btable (?:inet )?(\w+)/g)].map((match) => match[1])
  expect(new Set(named)).toEqual(new Set([TABLE]))
  expect(text).not.toContain('ruleset')
})

test.each([
  { address: '10.0.0.1 }; flush ruleset', port: 1 },
  { address: 'control.example', port: 443 },
  { address: '010.0.0.1', port: 443 },
  { address: 'fe80::1%eth0', port: 443 },
  { address: '10.0.0.1', port: 0 },
  { address: '10.0.0.1', port: 65_536 },
  { address: '10.0.0.1', port: Number.NaN },
])('[TRU6] what is no address and port never gets into the text: %j', (end) => {
  expect(() => renderIsolation({ reachable: [end] })).toThrow(/^no (?:address|port): /)
})

test('an end has one spelling', () => {
  expect(canonicalEnd({ address: '::FFFF:c0a8:0102', port: 7 })).toEqual({ family: 4, address: '192.168.1.2', port: 7 })
  expect(canonicalEnd({ address: '2001:DB8:0:0:0:0:0:1', port: 7 })).toMatchObject({
    family: 6,
    address: '2001:db8::1',
  })
})

test('[ISO4] release deletes our table alone, or puts the found one in its place', () => {
  const deletion = `table inet ${TABLE}\ndelete table inet ${TABLE}\n`
  expect(renderRelease(null)).toBe(`${deletion}\n`)
  expect(renderRelease(`table inet ${TABLE} {\n}\n`)).toBe(`${deletion}table inet ${TABLE} {\n}\n\n`)
})
