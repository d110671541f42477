import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Asking, asking, type Row } from './asking.ts'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { password, startWorld, until, type World } from './world.ts'

let world: World
let its: Asking
let device: SimulatedDevice
let browser: Browser
let page: Page

beforeAll(async () => {
  world = await startWorld()
  its = asking(world)
  device = await world.device({ name: 'lin-01' })
  await world.device({ name: 'lin-02' })
})
afterAll(() => world.close())
beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
})
afterEach(() => browser.close())

const press = async (...keys: readonly string[]) => {
  for (const key of keys) await page.keyboard.press(key)
}
const type = (text: string) => page.keyboard.type(text)
const focused = () =>
  page.evaluate<string>(
    `(() => { const it = document.activeElement
      return [it.getAttribute('aria-label') ?? '', it.labels?.[0]?.textContent ?? '', it.textContent ?? ''].join(' ') })()`,
  )
/** Goes on with Tab until what has the keyboard is called like this. A page without it ends the test by its time. */
const tabTo = async (name: RegExp) => {
  while (!name.test(await focused())) await press('Tab')
}
const grid = (name: string) => page.getByRole('grid', { name })
const sheet = (name: string) => page.getByRole('dialog', { name })
/** Answers an open sheet: the reason has the keyboard already. */
const answer = async (name: string, why: string) => {
  await sheet(name).locator('textarea:focus').waitFor()
  await type(why)
  await press('Control+Enter')
  await sheet(name).waitFor({ state: 'hidden' })
}
const reachIs = async (id: string, effect: string) => until(async () => (await its.row(id)).effect === effect)

describe('[UI1] without a mouse', () => {
  test('sign in, find a device, ask with a form, preview, approve, and take it back', async () => {
    const { path, sha256 } = device.plant('/tmp/keys', 'bad')
    await page.goto('/')
    await page.locator('input[autocomplete=username]:focus').waitFor()
    await type('ada')
    await press('Tab')
    await type(password)
    await press('Enter')
    await page.getByText('Needs you now').waitFor()

    await press('Control+k')
    await page.getByPlaceholder('Go to, respond on, or paste the id of an action').waitFor()
    await type('lin-01')
    await page.getByText('Quarantine file on lin-01').waitFor()
    const chosen = page.locator('.mantine-Spotlight-action[data-selected]').getByText('Quarantine file on lin-01')
    while ((await chosen.count()) === 0) await press('ArrowDown')
    await press('Enter')
    await sheet('Quarantine file on lin-01').waitFor()
    await tabTo(/^\s*Path/)
    await type(path)
    await tabTo(/SHA-256/)
    await type(sha256)
    await tabTo(/Why\?/)
    await type('By keys alone')
    await tabTo(/^\s*Preview$/)
    await press('Enter')
    await page.getByText('It would hurt nothing else that the device can see.').waitFor()
    expect(device.machine.exists(path)).toBe(true)
    await tabTo(/^\s*Ask to quarantine file\s*$/)
    await press('Enter')
    await sheet('Quarantine file on lin-01').waitFor({ state: 'hidden' })
    await page.getByRole('heading', { name: 'Timeline' }).waitFor()
    const [row] = await its.pending()
    const id = row?.id ?? ''

    // The flyout has the keys of what it shows.
    await press('a')
    await answer('Approve this action', 'Seen and agreed')
    await reachIs(id, 'in-force')
    await page.getByRole('button', { name: 'Release from quarantine', exact: true }).waitFor()
    await press('u')
    await answer('Undo this action', 'False alarm')
    await press('Escape')
    await page.getByRole('heading', { name: 'Timeline' }).waitFor({ state: 'hidden' })
    await press('g', 'p')
    await grid('Pending').getByText('/keys').waitFor()
    await press('j', 'Enter')
    await page.getByRole('heading', { name: 'Timeline' }).waitFor()
    await press('a')
    await answer('Approve this action', 'Agreed')
    await reachIs(id, 'reverted')
    expect(device.machine.exists(path)).toBe(true)
  })

  test('undo many: chosen with the arrows, taken back, approved together, and the files are there again', async () => {
    await browser.as(world.admin)
    const targets = [1, 2, 3].map((at) => ({
      devices: [device.id],
      params: device.plant(`/srv/keys/${at}`, `no ${at}`),
    }))
    const rows: Row[] = await its.ask('quarantine-file', targets)
    await its.ended(rows)
    await page.goto('/')
    await page.getByText('Needs you now').waitFor()
    await press('g', 'f')
    await grid('In force').getByText('/srv/keys/').nth(2).waitFor()
    await grid('In force').focus()
    await press('Home', 'Shift+ArrowDown', 'Shift+ArrowDown')
    await page.getByText('3 actions selected').waitFor()
    await press('u')
    await answer('Undo 3 actions', 'All of them were ours')
    await page.getByText('3 actions asked to be taken back; somebody has to approve.').waitFor()
    await press('g', 'p')
    await grid('Pending').getByText('/srv/keys/').nth(2).waitFor()
    await press('X')
    await page.getByText('3 actions selected').waitFor()
    await press('a')
    await answer('Approve 3 actions', 'Agreed')
    for (const { id } of rows) await reachIs(id, 'reverted')
    expect([1, 2, 3].map((at) => Buffer.from(device.machine.readFile(`/srv/keys/${at}`)).toString())).toEqual([
      'no 1',
      'no 2',
      'no 3',
    ])
  })

  test('[ISO4] a device is isolated and released, and its firewall is as it was found', async () => {
    await browser.as(world.admin)
    device.machine.setTable('inet theirs', 'accept what was accepted')
    const firewall = () => {
      const { tables, heldOverRestart } = device.machine.snapshot()
      return { tables, heldOverRestart }
    }
    const before = firewall()
    const [row] = await its.ask('isolate-device', [{ devices: [device.id], params: {} }])
    const id = row?.id ?? ''
    await reachIs(id, 'in-force')
    expect(firewall()).not.toEqual(before)
    await page.goto('/')
    await page.getByText('Needs you now').waitFor()
    await press('g', 'd')
    await grid('Devices').getByText('lin-02').waitFor()
    await press('/')
    await type('lin-01')
    await grid('Devices').getByText('lin-02').waitFor({ state: 'detached' })
    await press('Tab')
    await grid('Devices').focus()
    await press('Enter')
    const banner = page.getByRole('region', { name: 'Isolation' })
    await banner.getByText('lin-01 is isolated.').waitFor()
    await tabTo(/^\s*Release device/)
    await press('Enter')
    await answer('Undo this action', 'Clean again')
    await press('g', 'p')
    await grid('Pending').getByText('Release device').waitFor()
    await press('j', 'a')
    await answer('Approve this action', 'Agreed')
    await reachIs(id, 'reverted')
    await page.goto(`/devices/${device.id}`)
    await page.getByText('What can be done here').waitFor()
    await until(async () => (await banner.count()) === 0)
    expect(firewall()).toEqual(before)
  })
})
