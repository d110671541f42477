import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seriousFindings, wear } from './axe.ts'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { startWorld, until, type World } from './world.ts'

interface Item {
  readonly action: { readonly id: string }
  readonly state: string
}

let world: World
let devices: SimulatedDevice[]

beforeAll(async () => {
  world = await startWorld()
  devices = []
  for (const name of ['lin-web-01', 'lin-web-02', 'ws-<b>mira</b>-14']) devices.push(await world.device({ name }))
})
afterAll(() => world.close())

const items = async (query = ''): Promise<readonly Item[]> =>
  (await world.admin.call<{ items: readonly Item[] }>('GET', `/v1/vault${query}`)).items

/** Quarantines a file on some devices, and waits until their vaults have it. */
async function taken(on: readonly SimulatedDevice[], path: string, content: string): Promise<void> {
  const targets = on.map((it) => ({ devices: [it.id], params: it.plant(path, content) }))
  const before = (await items('?state=all')).length
  await world.admin.call('POST', '/v1/actions', {
    action: 'quarantine-file',
    targets,
    comment: 'Case 2211',
    approve: true,
  })
  await until(async () => (await items('?state=all')).length >= before + on.length)
}

const row = (page: Page, text: string | RegExp) => page.getByRole('row').filter({ hasText: text })
const select = (page: Page, name: RegExp) => page.getByRole('checkbox', { name }).first()

async function open(look: Parameters<typeof openBrowser>[1] = {}): Promise<Browser> {
  const browser = await openBrowser(world.url, look)
  await browser.as(world.admin)
  return browser
}

describe('[VLT6] [UI1] the vault page', () => {
  test('teaches while nothing lies in any vault', async () => {
    const browser = await open()
    try {
      await browser.page.goto('/vault')
      await browser.page.getByText('The vaults are empty').waitFor()
      expect(await seriousFindings(browser.page)).toEqual([])
    } finally {
      await browser.close()
    }
  })

  test('shows what lies where; a file that comes in is offered without a jump, and names are text', async () => {
    await taken(devices, '/var/tmp/.cache/xmrig-6.21', 'a miner')
    const browser = await open()
    const { page } = browser
    try {
      await page.goto('/vault')
      await row(page, 'xmrig').nth(2).waitFor()
      expect(await row(page, 'on 3 devices').count()).toBe(3)
      await row(page, 'ws-<b>mira</b>-14').waitFor()
      expect(await page.locator('[role=grid] b').count()).toBe(0)
      const [first] = devices
      if (first === undefined) throw new Error('there are devices')
      await taken([first], '/home/mira/Downloads/invoice.pdf.exe', 'a lure')
      await page.getByRole('button', { name: /1 newer file/ }).click()
      await row(page, 'invoice').waitFor()
      await page.getByText('4 files').first().waitFor()
    } finally {
      await browser.close()
    }
  })

  test('by content: one line for each, which leads to where it lies', async () => {
    const browser = await open()
    const { page } = browser
    try {
      await page.goto('/vault')
      await page.getByText('By content').click()
      await row(page, '3 devices').getByText('xmrig').click()
      await page.getByText(/Content: [0-9a-f]{12}/).waitFor()
      await until(async () => (await row(page, 'xmrig').count()) === 3)
      expect(await row(page, 'invoice').count()).toBe(0)
      await page.getByRole('button', { name: 'Restore all 3' }).click()
      const sheet = page.getByRole('dialog')
      await sheet.getByText('on 3 devices').waitFor()
      expect(await seriousFindings(page)).toEqual([])
    } finally {
      await browser.close()
    }
  })

  test('[VLT7] requests a file, shows that it came, and downloads it under a name that nothing opens', async () => {
    const browser = await open()
    const { page } = browser
    try {
      await page.goto('/vault?q=invoice')
      await select(page, /invoice/).click()
      await page.getByRole('button', { name: 'Request file' }).click()
      const sheet = page.getByRole('dialog')
      await sheet.getByText('is sent to the control plane').waitFor()
      await sheet.getByText('who may download it there sees what is in it').waitFor()
      expect(await seriousFindings(page)).toEqual([])
      await sheet.getByLabel('Why?').fill('What is it?')
      await sheet.getByRole('button', { name: 'Request file' }).click()
      const link = row(page, 'invoice').getByRole('link', { name: /^Download/ })
      await link.waitFor()
      const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
      expect(download.suggestedFilename()).toMatch(/^[0-9a-f]{64}\.quarantined$/)
      expect(readFileSync(await download.path(), 'utf8')).toBe('a lure')
      expect(await seriousFindings(page)).toEqual([])
    } finally {
      await browser.close()
    }
  })

  test('purges by the keyboard alone: the word must be typed, and the row changes where it stands', async () => {
    const browser = await open()
    const { page } = browser
    try {
      await page.goto('/vault?q=invoice')
      await row(page, 'invoice').waitFor()
      await page.keyboard.press('j')
      await page.keyboard.press('p')
      const sheet = page.getByRole('dialog')
      await sheet.getByText('The file cannot be put back afterwards').waitFor()
      expect(await seriousFindings(page)).toEqual([])
      await sheet.getByLabel('Why?').fill('Known bad, kept long enough')
      const button = sheet.getByRole('button', { name: /purge this file/i })
      expect(await button.isDisabled()).toBe(true)
      await sheet.getByLabel(/to confirm/).fill('purge')
      await page.keyboard.press('Enter')
      await until(async () => (await items('?state=purged')).length === 1)
      await row(page, 'Purged').waitFor()
      await page.goto('/vault?state=purged')
      await row(page, 'invoice').waitFor()
    } finally {
      await browser.close()
    }
  })

  test('restores many with the sheet of the action center, and somebody else sees it happen', async () => {
    const [one, two] = [await open(), await open()]
    try {
      await two.page.goto('/vault')
      await row(two.page, 'xmrig').nth(2).waitFor()
      await one.page.goto('/vault')
      await select(one.page, /lin-web-01/).click()
      await select(one.page, /lin-web-02/).click()
      await one.page.getByRole('button', { name: 'Restore' }).click()
      const sheet = one.page.getByRole('dialog')
      await sheet.getByText('on 2 devices').waitFor()
      await sheet.getByLabel('Why?').fill('Signed by us after all')
      await sheet.getByRole('button', { name: /^Undo 2 actions/ }).click()
      const [undo] = await pending()
      if (undo !== undefined) await approveAll()
      await until(async () => (await items('?state=restored')).length === 2)
      await row(two.page, 'Put back').nth(1).waitFor()
      expect(await row(two.page, 'In the vault').count()).toBe(1)
    } finally {
      await one.close()
      await two.close()
    }
  })

  test('axe finds nothing serious in either theme from a phone to a wall, and nothing is cut off', async () => {
    const browser = await open()
    const { page } = browser
    try {
      for (const path of ['/vault?state=all', '/vault?by=content&state=all', '/vault?q=nothing-like-it']) {
        await page.goto(path)
        const ready = path.includes('nothing') ? 'No file fits these filters' : 'xmrig'
        for (const [theme, width] of [
          ['light', 360],
          ['dark', 360],
          ['light', 1280],
          ['dark', 2560],
        ] as const) {
          await page.setViewportSize({ width, height: 800 })
          await wear(page, theme)
          await page.getByText(ready).first().waitFor()
          expect([path, width, await seriousFindings(page)]).toEqual([path, width, []])
          expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
        }
      }
      expect(browser.complaints.filter((it) => /content security policy|refused/i.test(it))).toEqual([])
    } finally {
      await browser.close()
    }
  })
})

interface Waiting {
  readonly id: string
  readonly contentHash: string
}

const pending = async (): Promise<readonly Waiting[]> =>
  (await world.admin.call<{ items: readonly Waiting[] }>('GET', '/v1/actions?status=pending-approval')).items

async function approveAll(): Promise<void> {
  const choices = (await pending()).map(({ id, contentHash }) => ({ action: id, contentHash }))
  await world.admin.call('POST', '/v1/actions/approve', { choices, comment: 'yes', acrossTypes: true })
}
