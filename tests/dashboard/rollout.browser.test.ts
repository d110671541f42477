import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Asking, asking, type Row } from './asking.ts'
import { seriousFindings } from './axe.ts'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { startWorld, until, type World } from './world.ts'

let world: World
let its: Asking
let devices: SimulatedDevice[]
let browser: Browser
let page: Page

beforeAll(async () => {
  world = await startWorld()
  its = asking(world)
  devices = []
  for (const name of ['lin-01', 'lin-02', 'lin-03', 'lin-04']) devices.push(await world.device({ name }))
  await world.admin.call('PATCH', '/v1/settings', {
    rolloutFrom: 3,
    rolloutWaves: [25, 50, 100],
    rolloutFailurePercent: 10,
  })
})
afterAll(() => world.close())
beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
  await browser.as(world.admin)
})
afterEach(() => browser.close())

/** A batch over all devices whose canary, whichever device it is, cannot succeed: its file is gone by then. */
const failingBatch = async (path: string): Promise<readonly Row[]> => {
  const targets = devices.map((it) => ({ devices: [it.id], params: it.plant(path, 'bad') }))
  const rows = await its.ask('quarantine-file', targets, { approve: false })
  for (const it of devices) it.machine.remove(path)
  return rows
}
const progress = () => page.getByRole('region', { name: 'Progress of the batch' })
const confirm = async (what: 'Resume' | 'Abort', why: string) => {
  await progress().getByRole('button', { name: what }).click()
  const sheet = page.getByRole('dialog', { name: `${what} the rollout` })
  const go = sheet.getByRole('button', { name: `${what} the rollout` })
  expect(await go.isDisabled()).toBe(true)
  await sheet.getByLabel('Why?').fill(why)
  await go.click()
  await sheet.waitFor({ state: 'hidden' })
}
const statuses = async (rows: readonly Row[]) => {
  const now = await Promise.all(rows.map((it) => its.row(it.id)))
  return now.map((it) => it.status).toSorted()
}

describe('[LIFE9] a rollout, watched in the browser', () => {
  test('halts while somebody looks, says why, and goes on only when told to', async () => {
    const rows = await failingBatch('/opt/wave')
    await page.goto(`/actions/history?batch=${rows[0]?.batch}`)
    await progress().getByText('0 of 4 actions ended').waitFor()
    await its.approve(rows)
    // From here on nothing is loaded anew: it is the open page that changes.
    await progress().getByText('1 of 4 actions ended, 1 not as meant').waitFor()
    await progress()
      .getByText(/Halted in wave 1 of 3: 1 of the 1 actions sent out so far/)
      .waitFor()
    expect(await seriousFindings(page)).toEqual([])
    expect(await statuses(rows)).toEqual(['queued', 'queued', 'queued', 'refused'])
    // What the next waves need is there again.
    for (const it of devices) it.plant('/opt/wave', 'bad')
    await confirm('Resume', 'The first one had been cleaned by hand')
    await progress().getByText('4 of 4 actions ended, 1 not as meant').waitFor()
    expect(await progress().getByRole('button').count()).toBe(0)
    expect(await statuses(rows)).toEqual(['refused', 'succeeded', 'succeeded', 'succeeded'])
  })

  test('aborted: what has not gone out never will, and the page says by whom and why', async () => {
    const rows = await failingBatch('/opt/abort')
    await its.approve(rows)
    await page.goto(`/actions/history?batch=${rows[0]?.batch}`)
    await progress().getByText('Halted in wave 1 of 3').waitFor()
    for (const it of devices) it.plant('/opt/abort', 'bad')
    await confirm('Abort', 'Wrong file altogether')
    await progress().getByText('Aborted: Wrong file altogether').waitFor()
    await progress().getByText('4 of 4 actions ended').waitFor()
    expect(await statuses(rows)).toEqual(['cancelled', 'cancelled', 'cancelled', 'refused'])
    expect(devices.every((it) => it.machine.exists('/opt/abort'))).toBe(true)
    // Live, too: who sits elsewhere sees the rows end.
    await until(async () => (await page.getByRole('grid').getByText('Cancelled').count()) === 3)
  })
})
