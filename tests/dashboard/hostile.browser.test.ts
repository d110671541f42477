import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Asking, asking, type Row } from './asking.ts'
import { openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { startWorld, type World } from './world.ts'

/** Markup that would leave something behind, a name that turns itself around, what nobody sees, a picture and a second line. */
const hostile = (word: string) => `<img id=planted src=x onerror=planted=1>\u202Egpj.${word}\u2066\u200B😀\nsecond line`
/** The end of {@link hostile} as people must see it. */
const written = (word: string) => `\\u{202e}gpj.${word}\\u{2066}\\u{200b}😀\\nsecond line`
/** More than ten thousand bytes without a place to break. */
const endless = '界'.repeat(3_600)

let world: World
let its: Asking
let device: SimulatedDevice
let waits: Row
let held: Row
let investigation = ''

beforeAll(async () => {
  world = await startWorld()
  its = asking(world)
  device = await world.device({ name: hostile('device') })
  const { admin } = world
  await admin.call('PATCH', `/v1/devices/${device.id}`, { tags: ['<b id=planted>tag</b>'] })
  const rule = [{ property: 'tag', operator: 'equals', value: '<b id=planted>tag</b>' }]
  const group = { name: '<b id=planted>group</b>', rule, level: 'semi-any' }
  const { id } = await admin.call<{ id: string }>('POST', '/v1/groups', group)
  const comment = `${hostile('comment')} ${endless}`
  const target = (path: string) => [{ devices: [device.id], params: device.plant(path, path) }]
  const asked = [
    ...(await its.ask('quarantine-file', target(`/tmp/${hostile('held')}`), { comment })),
    ...(await its.ask('quarantine-file', target(`/tmp/${hostile('waits')}/${'long'.repeat(60)}`), {
      comment,
      approve: false,
    })),
  ]
  const [first, second] = asked
  if (first === undefined || second === undefined) throw new Error('nothing was asked for')
  held = first
  waits = second
  await its.ended([held])
  const item = { kind: 'file', ...device.plant(`/usr/bin/${hostile('evidence')}`, 'back door') }
  const alert = await admin.call<{ investigation: string }>('POST', '/v1/alerts', {
    source: hostile('').slice(0, 60),
    key: hostile('key'),
    title: `${hostile('alert')} ${endless.slice(0, 800)}`,
    severity: 'high',
    device: device.id,
    at: Date.now(),
    evidence: [{ item, verdict: 'malicious', reasons: [`${hostile('reason')} ${endless.slice(0, 800)}`] }],
  })
  investigation = alert.investigation
  await admin.call('POST', '/v1/exclusions', {
    kind: 'folder',
    value: `/opt/${hostile('folder')}`,
    comment: hostile('why'),
  })
  const role = { name: 'odd', description: hostile('role'), permissions: ['view'], groups: [id] }
  await admin.call('POST', '/v1/roles', role)
})
afterAll(() => world.close())

const pages = (): readonly (readonly [path: string, shown: string])[] => [
  ['/', 'held'],
  ['/actions/pending', 'device'],
  [`/actions/pending?action=${waits.id}`, 'comment'],
  ['/actions/history', 'device'],
  [`/actions/history?action=${held.id}`, 'held'],
  ['/actions/in-force', 'device'],
  ['/devices', 'device'],
  [`/devices/${device.id}`, 'device'],
  [`/devices/${device.id}?respond=isolate-device`, 'device'],
  ['/alerts', 'alert'],
  ['/investigations', 'alert'],
  [`/investigations/${investigation}`, 'reason'],
  ['/vault', 'held'],
  ['/audit', ''],
  ['/groups', ''],
  ['/settings/automation', 'folder'],
  ['/settings/roles', 'role'],
]

/** What the page shows or says that it must not: elements out of words, signs that deceive, and words that widen it. */
const planted = `(() => {
  const signs = /[\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]/
  const found = []
  if (typeof window.planted === 'number') found.push('a script ran')
  if (document.querySelector('[id=planted]:not(script)') !== null) found.push('an element was made of words')
  if (signs.test(document.title)) found.push('the title deceives')
  if (signs.test(document.body.innerText)) found.push('the text deceives')
  for (const name of ['title', 'aria-label', 'aria-description', 'placeholder', 'alt'])
    for (const it of document.body.querySelectorAll('[' + name + ']'))
      if (signs.test(it.getAttribute(name))) found.push(it.tagName + ' ' + name + ' deceives')
  const { scrollWidth, clientWidth } = document.documentElement
  if (scrollWidth > clientWidth) found.push('the page is ' + scrollWidth + ' wide instead of ' + clientWidth)
  return found
})()`
const findings = (page: Page) => page.evaluate<string[]>(planted)

describe('[TRU6] words from devices and strangers are words on every page', () => {
  test.each([1280, 360])('at %d pixels: no page runs, obeys, believes or breaks under them', async (width) => {
    const browser = await openBrowser(world.url, { width })
    const { page } = browser
    try {
      await browser.as(world.admin)
      const all: Record<string, string[]> = {}
      for (const [path, word] of pages()) {
        await page.goto(path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        // Something hostile is there to be looked at; otherwise the rest proves nothing.
        if (word !== '') await page.getByText(written(word)).first().waitFor({ state: 'attached' })
        const found = await findings(page)
        if (found.length > 0) all[path] = found
      }
      expect(all).toEqual({})
      expect(browser.complaints).toEqual([])
    } finally {
      await browser.close()
    }
  })

  test('nor does a drawer, a sheet, the palette, or what is said in the corner', async () => {
    const browser = await openBrowser(world.url)
    const { page } = browser
    try {
      await browser.as(world.admin)
      await page.goto('/alerts')
      await page.getByText(written('alert')).first().click()
      await page.getByRole('dialog').getByText(written('reason')).first().waitFor()
      expect(await findings(page)).toEqual([])

      await page.goto('/audit')
      await page.getByRole('grid').getByText('asked for:').first().click()
      await page.getByRole('dialog', { name: /^Entry/ }).waitFor()
      expect(await findings(page)).toEqual([])

      await page.goto('/groups')
      await page.getByRole('button', { name: '<b id=planted>group</b>', exact: true }).click()
      await page.getByRole('dialog').getByText('Devices whose').waitFor()
      expect(await findings(page)).toEqual([])
      await page.goto('/devices')
      await page.getByRole('grid').getByText(written('device')).first().waitFor()
      await page.keyboard.press('Control+k')
      await page.getByPlaceholder('Go to, respond on, or paste the id of an action').fill('planted')
      await page.getByText(`Quarantine file on <img`).first().waitFor()
      expect(await findings(page)).toEqual([])

      await page.goto(`/devices/${device.id}`)
      await page.getByRole('button', { name: 'Respond' }).click()
      await page.getByRole('menuitem', { name: 'Isolate device' }).click()
      const form = page.getByRole('dialog', { name: /^Isolate device on/ })
      await form.getByLabel('Why?').fill(hostile('typed'))
      await form.getByRole('button', { name: 'Ask to isolate device' }).click()
      await page.locator('.mantine-Notification-root').waitFor()
      expect(await findings(page)).toEqual([])

      await page.goto(`/actions/pending?action=${waits.id}`)
      await page.getByRole('button', { name: 'Reject' }).click()
      const sheet = page.getByRole('dialog', { name: 'Reject this action' })
      await sheet.getByText(written('waits')).first().waitFor()
      expect(await findings(page)).toEqual([])
      await sheet.getByLabel('Why not?').fill('It only has a strange name')
      await sheet.getByRole('button', { name: 'Reject this action' }).click()
      await page.locator('.mantine-Notification-root').waitFor()
      expect(await findings(page)).toEqual([])
      expect(browser.complaints).toEqual([])
    } finally {
      await browser.close()
    }
  })
})
