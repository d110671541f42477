import { isDeepStrictEqual } from 'node:util'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Asking, asking, type Row } from './asking.ts'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { startWorld, until, type World } from './world.ts'

const many = 60
let world: World
let its: Asking
let device: SimulatedDevice
let rows: Row[]
let browser: Browser
let page: Page

const pend = (name: string, count: number) =>
  its.ask(
    'quarantine-file',
    Array.from({ length: count }, (_, at) => ({
      devices: [device.id],
      params: device.plant(`/srv/${name}/${String(at).padStart(2, '0')}`, `${name} ${at}`),
    })),
    { approve: false },
  )

beforeAll(async () => {
  world = await startWorld()
  its = asking(world)
  device = await world.device({ name: 'lin-01' })
  rows = await pend('steady', many)
})
afterAll(() => world.close())
beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
  await browser.as(world.admin)
})
afterEach(() => browser.close())

const grid = () => page.getByRole('grid', { name: 'Pending' })
/** The rows on the screen, and how far below the top of the window each stands. */
const standing = () =>
  page.evaluate<[number, string][]>(`[...document.querySelectorAll('[role=grid] [role=row]')]
    .map((it) => [Math.round(it.getBoundingClientRect().top), it.id])
    .filter(([top]) => top > 0 && top < window.innerHeight)`)
/** Gone after a reload. */
const mark = () => page.evaluate('window.notReloaded = true')
const marked = () => page.evaluate<boolean>('window.notReloaded === true')

describe('[UI1] a list holds still under the eyes and hands of whoever looks at it', () => {
  test('rows that come in, and rows above that change, move nothing; what is selected and half written stays', async () => {
    await page.goto('/actions/pending')
    await grid().getByText('/steady/').first().waitFor()
    // The list may still be growing to its full height.
    let seen: [number, string][] = []
    await until(async () => {
      const last = seen
      const scrolled = await grid().evaluate((it) => {
        it.scrollTo({ top: 900 })
        return it.scrollTop === 900
      })
      seen = await standing()
      return scrolled && seen.length > 8 && isDeepStrictEqual(seen, last)
    })
    // In the middle of the screen, whatever is there.
    const [first, second, looked] = seen.slice(3).map(([, id]) => rows.find((it) => `row-${it.id}` === id))
    for (const it of [first, second]) await page.locator(`[id="row-${it?.id}"]`).getByRole('checkbox').check()
    const bar = page.getByRole('region', { name: 'Selection' })
    await bar.getByText('2 actions selected').waitFor()
    const before = await standing()
    expect(before.length).toBeGreaterThan(8)

    // One that is looked at, one above the screen, and five that are new.
    await its.approve([looked, rows.at(-1)].filter((it) => it !== undefined))
    await pend('newcomers', 5)
    await page.getByRole('button', { name: '5 newer rows. Show them' }).waitFor()
    await page.locator(`[id="row-${looked?.id}"]`).getByText('Succeeded').waitFor()
    expect(await standing()).toEqual(before)
    await bar.getByText('2 actions selected').waitFor()

    await bar.getByRole('button', { name: 'Reject' }).click()
    const sheet = page.getByRole('dialog', { name: 'Reject 2 actions' })
    await sheet.getByLabel('Why not?').fill('half a sent')
    await pend('later', 3)
    await page.getByRole('button', { name: '8 newer rows. Show them', includeHidden: true }).waitFor()
    expect(await sheet.getByLabel('Why not?').inputValue()).toBe('half a sent')
    await sheet.locator('textarea:focus').waitFor()
    await sheet.getByLabel('Why not?').fill('half a sentence, and the rest')
    await sheet.getByRole('button', { name: 'Reject 2 actions' }).click()
    await sheet.waitFor({ state: 'hidden' })
    expect(await Promise.all([first, second].map(async (it) => (await its.row(it?.id ?? '')).status))).toEqual([
      'rejected',
      'rejected',
    ])
  })

  test('somebody else decides on a row that is selected here: it says so, and is left out with a sentence', async () => {
    const [one, other] = await pend('elsewhere', 2)
    await page.goto('/actions/pending?q=/srv/elsewhere')
    await grid().getByText('/elsewhere/').nth(1).waitFor()
    await page.getByLabel('Select every row that is loaded').check()
    await its.approve([one].filter((it) => it !== undefined))
    await page.locator(`[id="row-${one?.id}"]`).getByText('Succeeded').waitFor()
    await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Approve 1 of them' }).click()
    await page.getByRole('dialog').getByText('1 action left out.').waitFor()
    await page.getByRole('dialog').getByLabel('Why?').fill('The other one')
    await page.getByRole('dialog').getByRole('button', { name: 'Approve this action' }).click()
    await page.locator(`[id="row-${other?.id}"]`).getByText('Succeeded').waitFor()
  })
})

describe('[UI1] the control plane restarts while a page is open', () => {
  test('said at once, refused in a sentence meanwhile, then live again without a reload and with nothing lost', async () => {
    const [here, there] = await pend('restart', 2)
    await page.goto(`/actions/pending?q=/srv/restart&action=${here?.id}`)
    await page.getByText('Live', { exact: true }).waitFor()
    await mark()
    await page.getByRole('button', { name: 'Approve' }).click()
    const sheet = page.getByRole('dialog', { name: 'Approve this action' })
    await sheet.getByLabel('Why?').fill('Written before it went away')
    await world.stop()
    await page.getByText('No connection to the control plane').waitFor()
    await sheet.getByRole('button', { name: 'Approve this action' }).click()
    await sheet.getByText('The control plane does not answer. Nothing was changed').waitFor()
    expect(await sheet.getByLabel('Why?').inputValue()).toBe('Written before it went away')
    await world.start()
    // Decided by somebody else before this page has its line again, or after: it comes to the same.
    await its.approve([there].filter((it) => it !== undefined))
    await page.getByText('Live', { exact: true }).waitFor()
    await until(async () => (await page.getByText('No connection to the control plane').count()) === 0)
    await page.locator(`[id="row-${there?.id}"]`).waitFor({ state: 'detached' })
    await sheet.getByRole('button', { name: 'Approve this action' }).click()
    await page.getByRole('dialog').getByText('In force', { exact: true }).waitFor()
    expect((await its.row(here?.id ?? '')).status).toBe('succeeded')
    expect(await marked()).toBe(true)
    expect(browser.complaints.filter((it) => !/ERR_|Failed to load resource/.test(it))).toEqual([])
  })
})
