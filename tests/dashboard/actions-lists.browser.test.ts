import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { seriousFindings } from './axe.ts'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { startWorld, until, type World } from './world.ts'

interface Row {
  readonly id: string
  readonly contentHash: string
  readonly status: string
}

const many = 600
let world: World
let one: SimulatedDevice
let waiting: readonly Row[]
const browsers: Browser[] = []

const enter = async (path: string): Promise<Page> => {
  const browser = await openBrowser(world.url)
  browsers.push(browser)
  await browser.as(world.admin)
  await browser.page.goto(path)
  return browser.page
}
const heads = (page: Page) => page.getByRole('columnheader').allInnerTexts()
const head = (page: Page, name: string) => page.getByRole('columnheader', { name }).getByRole('button')
const rows = (page: Page) => page.getByRole('row').filter({ has: page.getByRole('gridcell') })
const saved = (page: Page) =>
  page.waitForResponse((it) => it.url().endsWith('/v1/me/preferences') && it.request().method() === 'PUT' && it.ok())

beforeAll(async () => {
  world = await startWorld()
  one = await world.device({ name: 'lin-01', group: 'servers' })
  const two = await world.device({ name: 'lin-02', group: 'servers' })
  await world.admin.call('POST', '/v1/groups', {
    name: 'First ones',
    rule: [{ property: 'name', operator: 'equals', value: 'lin-01' }],
    level: 'semi-any',
  })
  const ask = async (targets: object[], approve: boolean) => {
    const body = { action: 'quarantine-file', targets, comment: 'for the test', approve }
    return (await world.admin.call<{ actions: Row[] }>('POST', '/v1/actions', body)).actions
  }
  const [done] = await ask(
    [
      { devices: [one.id], params: one.plant('/tmp/b-first', 'bad') },
      { devices: [two.id], params: two.plant('/tmp/a-second', 'worse') },
    ],
    true,
  )
  await until(async () => (await world.admin.call<Row>('GET', `/v1/actions/${done?.id}`)).status === 'succeeded')
  const params = (at: number) => ({ path: `/srv/many/${at}`, sha256: 'a'.repeat(64) })
  waiting = await ask(
    Array.from({ length: many }, (_, at) => ({ devices: [at % 2 === 0 ? one.id : two.id], params: params(at) })),
    false,
  )
})
afterAll(() => world.close())
afterEach(async () => {
  const faults = browsers.flatMap((it) =>
    it.complaints.filter((text) => !/status of 4\d\d|ERR_|Failed to load/.test(text)),
  )
  await Promise.all(browsers.splice(0).map((it) => it.close()))
  if (faults.length > 0) throw new Error(faults.join('\n'))
})

describe('[UI1] the lists, as a person wants them', () => {
  test('columns, order, width, sorting, density and views are the same in another browser', async () => {
    const page = await enter('/actions/history?status=succeeded')
    await page.getByText('/a-second').waitFor()
    expect(await heads(page)).not.toContain('Asked by')
    // By keyboard alone.
    await page.getByRole('button', { name: 'Columns' }).focus()
    await page.keyboard.press('Enter')
    const menu = page.getByRole('dialog', { name: 'Columns' })
    await menu.getByRole('checkbox', { name: 'Asked by' }).focus()
    await page.keyboard.press('Space')
    await menu.getByRole('button', { name: 'Move Target to the front' }).focus()
    await page.keyboard.press('Enter')
    await menu.getByRole('checkbox', { name: 'Compact rows' }).focus()
    await page.keyboard.press('Space')
    await page.keyboard.press('Escape')
    await menu.waitFor({ state: 'hidden' })
    expect((await heads(page)).slice(1, 3)).toEqual(['Target', 'Action'])
    const width = page.getByRole('separator', { name: 'Width of Target' })
    await width.focus()
    for (let press = 0; press < 4; press++) await page.keyboard.press('ArrowRight')
    await head(page, 'Target').focus()
    const stored = saved(page)
    await page.keyboard.press('Enter')
    await page.getByRole('columnheader', { name: 'Target' }).and(page.locator('[aria-sort=ascending]')).waitFor()
    expect(await rows(page).first().innerText()).toContain('a-second')
    await stored
    await page.getByRole('button', { name: 'Saved views' }).click()
    await page.getByLabel('Save these filters as').fill('Done well')
    const kept = saved(page)
    await page.keyboard.press('Enter')
    await kept

    const other = await enter('/actions/history?status=succeeded')
    await other.getByText('/a-second').waitFor()
    expect(await heads(other)).toEqual(await heads(page))
    expect(await other.getByRole('separator', { name: 'Width of Target' }).getAttribute('aria-valuenow')).toBe(
      await width.getAttribute('aria-valuenow'),
    )
    expect(await rows(other).first().innerText()).toContain('a-second')
    expect(
      await rows(other)
        .first()
        .evaluate((it) => it.clientHeight),
    ).toBeLessThan(36)
    await other.getByRole('button', { name: 'Saved views' }).click()
    await other.getByRole('button', { name: 'Done well', exact: true }).waitFor()
    expect(await seriousFindings(other)).toEqual([])
  })

  test('a long name is cut in its middle: what tells it from others stays, and it is copied whole', async () => {
    const name = 'a-laptop-of-which-there-are-very-many-00017'
    await world.device({ name })
    const page = await enter('/devices')
    await page.getByRole('gridcell').filter({ hasText: name }).waitFor()
    const seen = await page.evaluate<object>(`(() => {
      const line = [...document.querySelectorAll('[role=gridcell] bdi')].find((it) => it.textContent === '${name}')
      const [stem, end] = line.children
      getSelection().selectAllChildren(line)
      const clipboardData = new DataTransfer()
      end.dispatchEvent(new ClipboardEvent('copy', { clipboardData, bubbles: true, cancelable: true }))
      const room = line.closest('[role=gridcell]').getBoundingClientRect()
      return {
        cut: stem.scrollWidth > stem.clientWidth,
        endInside: end.getBoundingClientRect().right <= room.right,
        end: end.textContent,
        copied: clipboardData.getData('text/plain'),
      }
    })()`)
    expect(seen).toEqual({ cut: true, endInside: true, end: 'ny-00017', copied: name })
  })

  test('what was chosen without a line holds here, and reaches the server when the line is back', async () => {
    const page = await enter('/devices')
    await page.getByText('lin-02').waitFor()
    await page.context().setOffline(true)
    await head(page, 'Name').click()
    await head(page, 'Name').click()
    await page.locator('[aria-sort=descending]').waitFor()
    expect(await rows(page).first().innerText()).toContain('lin-02')
    const stored = saved(page)
    await page.context().setOffline(false)
    await stored
    const other = await enter('/devices')
    await other.locator('[aria-sort=descending]').waitFor()
    expect(await rows(other).first().innerText()).toContain('lin-02')
  })

  test('a list that is not loaded whole says that it keeps its order, and counts what the server has', async () => {
    const page = await enter('/actions/pending')
    await page.getByText(`${many} actions`).waitFor()
    expect(await head(page, 'Target').count()).toBe(0)
    await page.getByRole('button', { name: 'Columns' }).click()
    await page.getByText('not all of this list is loaded').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Group', exact: true }).click()
    const groups = page.getByRole('dialog', { name: 'Group' })
    await groups
      .getByText(String(many / 2))
      .first()
      .waitFor()
    await groups.getByRole('checkbox', { name: /First ones/ }).check()
    await page.getByText(`${many / 2} actions`).waitFor()
    await page.keyboard.press('Escape')
    await page.getByLabel('Search target, comment or device').fill('/srv/many/59')
    await head(page, 'Target').click()
    await until(async () => (await rows(page).first().innerText()).includes('/590'))
  })
})

describe('[LIFE8] all of a filter', () => {
  test('is decided on, loaded or not: said where, done part by part, and every refusal in words', async () => {
    const page = await enter('/actions/pending?q=/srv/many')
    await page.getByText(`${many} actions`).waitFor()
    await page.getByRole('grid', { name: 'Pending' }).focus()
    await page.keyboard.press('X')
    await page.getByText('80 actions selected').waitFor()
    await page.keyboard.press('X')
    await page.getByText(`All ${many} that match are selected`).waitFor()
    await page.keyboard.press('r')
    const sheet = page.getByRole('dialog', { name: `Reject ${many} actions` })
    await sheet.getByText(`All ${many} actions that match now`).waitFor()
    await sheet.getByText(`on 2 devices, ${many} actions`).waitFor()
    await sheet.getByText('2 Linux').waitFor()
    await sheet.getByText('1 First ones').waitFor()
    expect(await seriousFindings(page)).toEqual([])
    // Somebody else is quicker with two of them.
    const choices = waiting.slice(0, 2).map((it) => ({ action: it.id, contentHash: it.contentHash }))
    await world.admin.call('POST', '/v1/actions/reject', { choices, comment: 'me first' })
    await sheet.getByLabel('Why not?').fill('None of these belongs to us')
    await page.keyboard.press('Control+Enter')
    const end = page.getByRole('dialog')
    await end.getByText(`${many - 2} actions rejected.`).waitFor()
    await end.getByText('2 actions could not be rejected:').waitFor()
    await end.getByText('/srv/many/0').waitFor()
    await end.getByText('/srv/many/1').waitFor()
    const { total } = await world.admin.call<{ total: { count: number } }>(
      'GET',
      '/v1/actions/counts?status=pending-approval',
    )
    expect(total.count).toBe(0)
  })
})

describe('[UI1] the overview and the flyout', () => {
  test('every number opens the list behind it, and every picture has its numbers in words', async () => {
    const page = await enter('/')
    await page.locator('canvas').first().waitFor()
    const picture = page.getByRole('main')
    await picture.getByText('Decisions per day as a table').click()
    await picture.getByRole('columnheader', { name: 'Taken back' }).waitFor()
    expect(await seriousFindings(page)).toEqual([])
    const first = picture.getByRole('table').first()
    const approved = first.getByRole('row').nth(1).getByRole('cell').first()
    const number = await approved.innerText()
    await approved.getByRole('link').click()
    await page.getByRole('grid', { name: 'History' }).waitFor()
    await page.getByText(`${number} actions`, { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Remove the filter Decided' }).waitFor()
    await page.goBack()
    await page.locator('canvas').first().waitFor()
    const over = page.locator('.u-over').first()
    const size = await over.boundingBox()
    if (size === null) throw new Error('the picture has no size')
    const today = { x: size.width - 12, y: size.height - 12 }
    // At once, as a finger does.
    await over.click({ position: today })
    await page.getByRole('button', { name: 'Remove the filter Decided' }).waitFor()
    await page.goBack()
    // With a hand that is not quite still.
    await over.hover({ position: today })
    const at = await over.boundingBox()
    await page.mouse.down()
    await page.mouse.move((at?.x ?? 0) + today.x - 2, (at?.y ?? 0) + today.y - 1)
    await page.mouse.up()
    await page.getByRole('button', { name: 'Remove the filter Decided' }).waitFor()
    await page.goBack()
    await picture.getByText('Decisions per day as a table').click()
    const links = await page
      .getByRole('main')
      .getByRole('link')
      .evaluateAll((all) => all.map((it) => [it.textContent ?? '', it.getAttribute('href') ?? '']))
    const numbers = links.filter(([text, href]) => /\d/.test(text ?? '') && !href?.includes('action='))
    expect(numbers.length).toBeGreaterThan(6)
    for (const [text, href] of numbers) {
      await page.goto(href ?? '')
      await page.getByRole('grid').waitFor()
      expect([text, new URL(page.url()).pathname]).not.toEqual([text, '/'])
    }
  })

  test('[UND3] says what the device wrote down first, and that hunting is to come', async () => {
    const { items } = await world.admin.call<{ items: Row[] }>('GET', '/v1/in-force')
    const page = await enter(`/actions/in-force?action=${items[0]?.id}`)
    await page.getByText('What the device wrote down first').click()
    await page.getByText('its owner, group, mode, times to the nanosecond').waitFor()
    await page.getByText('the SHA-256 of its bytes').waitFor()
    await page.getByRole('button', { name: 'Release from quarantine', exact: true }).focus()
    await page.keyboard.press('Tab')
    await page.getByText('Hunting is not there yet').waitFor()
    await page.getByText('simulated').first().waitFor()
    expect(await seriousFindings(page)).toEqual([])
  })
})
