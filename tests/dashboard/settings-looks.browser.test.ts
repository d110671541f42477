import { afterAll, beforeAll, expect, test } from 'vitest'
import { parts } from '../../server/dashboard/features/settings/parts.ts'
import { seriousFindingsInThemes } from './axe.ts'
import { openBrowser } from './browser.ts'
import { startWorld, type World } from './world.ts'

let world: World
let group = ''

beforeAll(async () => {
  world = await startWorld()
  const { admin } = world
  const rule = [{ property: 'name', operator: 'starts-with', value: 'lin-' }]
  group = (await admin.call<{ id: string }>('POST', '/v1/groups', { name: 'Servers', rule, level: 'full' })).id
  const some = { description: 'Decides at night', permissions: ['view'], groups: [group] }
  await admin.call('POST', '/v1/roles', { name: 'night-shift', ...some })
  await world.person('vera', 'viewer')
  await admin.call('POST', '/v1/clients', { name: 'siem', role: 'viewer' })
  await admin.call('POST', '/v1/tokens', { name: 'nightly report', scopes: ['view'] })
  await admin.call('POST', '/v1/enrolment-tokens', { group: 'branch', uses: 3, hours: 24 })
  const hook = { kind: 'webhook', url: 'https://chat.example.org/hooks/of/a/rather/long/address/indeed' }
  await admin.call('POST', '/v1/notifications', { name: 'desk', filter: { groups: [group] }, channel: hook })
  await admin.call('POST', '/v1/forwarders', { name: 'lake', from: 'beginning', target: hook })
  const path = '/opt/a/folder/with/a/rather/long/name/in/it'
  await admin.call('POST', '/v1/exclusions', { kind: 'folder', value: path, comment: 'Samples' })
})
afterAll(() => world.close())

/** Each page, what is there when it is there, and a button that opens its form. */
const pages = [
  ['you', 'Sessions', null],
  ['tokens', 'nightly report', null],
  ['people', 'vera', 'Add somebody'],
  ['roles', 'night-shift', 'Change night-shift'],
  ['clients', 'siem', 'New client'],
  ['enrolment', 'branch', null],
  ['rules', 'Who decides', null],
  ['automation', 'Samples', 'Exclude something'],
  ['notifications', 'desk', 'Change desk'],
  ['forwarders', 'lake', 'New forwarder'],
  ['retention', 'What is forgotten', null],
] as const

test('[UI1] every part of the settings is looked at here; a new one without a look fails this', () => {
  expect(pages.map(([part]) => part)).toEqual(parts.map((it) => it.id))
})

test.each([1280, 360])(
  '[UI1] %d wide, axe finds nothing serious in any part of the settings, in either theme',
  async (width) => {
    const browser = await openBrowser(world.url, { width })
    const { page } = browser
    const wide = () => page.evaluate<number>('document.documentElement.scrollWidth')
    try {
      await browser.as(world.admin)
      const all: Record<string, string[]> = {}
      for (const [part, ready, opens] of pages) {
        await page.goto(`/settings/${part}`)
        await page.getByRole('main').getByText(ready).first().waitFor()
        all[part] = await seriousFindingsInThemes(page)
        expect([part, await wide()]).toEqual([part, width])
        if (opens === null) continue
        await page.getByRole('button', { name: opens, exact: true }).click()
        await page.getByRole('dialog').getByRole('textbox').first().waitFor()
        all[`${part}: ${opens}`] = await seriousFindingsInThemes(page)
      }
      await page.goto('/groups')
      await page.getByRole('button', { name: 'Servers', exact: true }).click()
      await page.getByRole('dialog').getByText('Devices whose').waitFor()
      all['a group'] = await seriousFindingsInThemes(page)
      expect(Object.fromEntries(Object.entries(all).filter(([, found]) => found.length > 0))).toEqual({})
      expect(browser.complaints.filter((it) => /content security policy|refused/i.test(it))).toEqual([])
    } finally {
      await browser.close()
    }
  },
)
