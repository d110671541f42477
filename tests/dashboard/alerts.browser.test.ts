import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { seriousFindings } from './axe.ts'
import { type Browser, openBrowser } from './browser.ts'
import { startWorld, type World } from './world.ts'

let world: World
let browser: Browser
let page: Page
let investigation = ''

const tell = (key: string, severity: string, verdict: string, device: string, item: object, source = 'wazuh') =>
  world.admin.call<{ investigation: string | null }>('POST', '/v1/alerts', {
    source,
    key,
    title: `Alert ${key}`,
    severity,
    device,
    at: Date.now(),
    evidence: [{ item, verdict, reasons: [`Reason of ${key}.`] }],
  })

beforeAll(async () => {
  world = await startWorld()
  const device = await world.device({ name: 'lin-01' })
  const shell = device.plant('/usr/bin/sshd-helper', 'back door')
  investigation = (await tell('a', 'high', 'malicious', 'lin-01', { kind: 'file', ...shell })).investigation ?? ''
  const address = { kind: 'address', address: '203.0.113.66' }
  await tell('b', 'medium', 'suspicious', 'printer-9', address)
  await tell('c', 'low', 'no-threat', 'printer-9', address, 'edr')
})
afterAll(() => world.close())

beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
  await browser.as(world.admin)
})
afterEach(() => browser.close())

/** What the list shows, when it shows just this. */
const shows = async (list: string, ...rows: readonly string[]) => {
  const grid = page.getByRole('grid', { name: list })
  for (const row of rows) await grid.getByText(row, { exact: true }).waitFor()
  await grid.and(page.locator(`[aria-rowcount="${rows.length + 1}"]`)).waitFor()
}

describe('[UI1] lists of what happened', () => {
  test('[POL5] alerts narrow by status, verdict, source and text, and say so when none is left', async () => {
    await page.goto('/alerts')
    await shows('Alerts', 'Alert a', 'Alert b', 'Alert c')
    await page.getByRole('button', { name: 'Waits', exact: true }).click()
    await shows('Alerts', 'Alert b', 'Alert c')
    await page.getByRole('combobox', { name: 'Verdict' }).click()
    await page.getByRole('option', { name: 'Suspicious' }).click()
    await shows('Alerts', 'Alert b')
    // The same choice once more takes it back.
    await page.getByRole('combobox', { name: 'Verdict' }).click()
    await page.getByRole('option', { name: 'Suspicious' }).click()
    await shows('Alerts', 'Alert b', 'Alert c')
    await page.getByRole('combobox', { name: 'Source' }).click()
    await page.getByRole('option', { name: 'edr' }).click()
    await shows('Alerts', 'Alert c')
    await page.getByLabel('Search title, key or device').fill('nothing like it')
    await page.getByText('No alert fits these filters').waitFor()
  })

  test('[POL5] by keyboard: to an alert, its evidence, and to the device it is about, refused without a reason', async () => {
    await page.goto('/alerts')
    await shows('Alerts', 'Alert a', 'Alert b', 'Alert c')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    const drawer = page.getByRole('dialog', { name: 'Alert b' })
    await drawer.getByText('Reason of b.').waitFor()
    await drawer.getByText('Suspicious').waitFor()
    await drawer.getByRole('combobox', { name: 'It is about' }).click()
    await page.getByRole('option', { name: 'lin-01' }).click()
    await drawer.getByRole('button', { name: 'Assign to this device' }).click()
    await drawer.getByText('Say why.').waitFor()
    expect(await seriousFindings(page)).toEqual([])
    await drawer.getByLabel('How do you know?').fill('It stands beside the printer')
    await drawer.getByRole('button', { name: 'Assign to this device' }).click()
    await drawer.getByRole('link', { name: 'Open investigation' }).waitFor()
  })

  test('[POL4] an investigation shows what is proposed, what was found, its log, and where the graph will be', async () => {
    await page.goto('/investigations')
    await page.getByRole('button', { name: 'Open', exact: true }).click()
    await shows('Investigations', 'Alert a')
    await page.goto(`/investigations/${investigation}`)
    for (const name of ['Proposed actions', 'Evidence and verdicts', 'Graph', 'Log']) {
      await page.getByRole('heading', { name, exact: true }).waitFor()
    }
    await page.getByText('Reason of a.').waitFor()
    await page.getByRole('link', { name: 'Quarantine file' }).click()
    await page.getByRole('dialog').getByText('Timeline').waitFor()
    expect(new URL(page.url()).searchParams.has('action')).toBe(true)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'End it' }).click()
    const sheet = page.getByRole('dialog', { name: 'End this investigation' })
    await sheet.getByRole('button', { name: 'End this investigation' }).click()
    await sheet.getByText('Say why.').waitFor()
  })

  test('[AUD1] the audit list narrows by kind and opens an entry by keyboard', async () => {
    await page.goto('/audit')
    await page.getByRole('combobox', { name: 'Kind of entry' }).fill('server.set-up')
    await page.getByRole('option', { name: /server\.set-up/ }).click()
    await shows('Audit', 'set the control plane up · ada')
    await page.getByRole('grid', { name: 'Audit' }).focus()
    await page.keyboard.press('Enter')
    await page
      .getByRole('dialog', { name: /^Entry \d+$/ })
      .getByText('server.set-up')
      .first()
      .waitFor()
  })
})
