import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { type Operator, password, startWorld, until, type World } from './world.ts'

interface Row {
  readonly id: string
  readonly status: string
  readonly contentHash: string
}

const hostile = '<img src=x onerror="window.hacked=1">\u202Egpj.exe'

let world: World
let device: SimulatedDevice
let bo: Operator
let browsers: Browser[] = []

const openAs = async (operator: Operator, path: string): Promise<Page> => {
  const browser = await openBrowser(world.url)
  browsers.push(browser)
  await browser.as(operator)
  await browser.page.goto(path)
  return browser.page
}

const quarantine = async (paths: readonly string[], comment: string, approve = false): Promise<Row[]> => {
  const targets = paths.map((path) => ({ devices: [device.id], params: device.plant(path, `bad ${path}`) }))
  const body = { action: 'quarantine-file', targets, comment, approve }
  return (await world.admin.call<{ actions: Row[] }>('POST', '/v1/actions', body)).actions
}

beforeAll(async () => {
  world = await startWorld()
  device = await world.device({ name: 'lin-01' })
  bo = await world.person('bo', 'responder')
})
afterAll(() => world.close())
beforeEach(() => {
  browsers = []
})
afterEach(async () => {
  for (const browser of browsers) await browser.close()
})

describe('[UI1] the dashboard, live', () => {
  test('a row changes while somebody looks at it, and what is new is offered and not pushed in between', async () => {
    await quarantine(['/tmp/live-1'], 'first')
    const page = await openAs(world.admin, '/actions/pending')
    const grid = page.getByRole('grid', { name: 'Pending' })
    await grid.getByText('/live-1').waitFor()
    const [row] = await quarantine(['/tmp/live-2'], 'second')
    await page.getByRole('button', { name: '1 newer row. Show it' }).waitFor()
    expect(await grid.getByText('/live-2').count()).toBe(0)
    await page.getByRole('button', { name: '1 newer row. Show it' }).click()
    await grid.getByText('/live-2').waitFor()
    const choices = [{ action: row?.id, contentHash: row?.contentHash }]
    await bo.call('POST', '/v1/actions/approve', { choices, comment: 'yes' })
    await page.goto('/actions/history')
    await page.getByRole('grid', { name: 'History' }).getByText('Succeeded').first().waitFor()
  })

  test('[POL6] two people decide at once: both see who won, and the second gets a sentence', async () => {
    const [row] = await quarantine(['/tmp/race'], 'who is faster')
    const first = await openAs(world.admin, `/actions/pending?action=${row?.id}`)
    const second = await openAs(bo, `/actions/pending?action=${row?.id}`)
    for (const page of [first, second]) {
      await page.getByRole('button', { name: 'Reject' }).click()
      await page.getByLabel('Why not?').fill('no')
    }
    // The second browser does not hear of the first one's decision before it sends its own.
    await second.route('**/v1/actions/reject', async (route) => {
      await until(async () => (await world.admin.call<Row>('GET', `/v1/actions/${row?.id}`)).status === 'rejected')
      await route.continue()
    })
    const sent = second
      .getByRole('dialog', { name: 'Reject this action' })
      .getByRole('button', { name: 'Reject' })
      .click()
    await first.getByRole('dialog', { name: 'Reject this action' }).getByRole('button', { name: 'Reject' }).click()
    await sent
    await second.getByText('Somebody else decided this while you were looking.').waitFor()
    await second.getByRole('button', { name: 'Close' }).last().click()
    await second.getByText('Rejected by ada').waitFor()
    await first.getByText('Rejected by ada').waitFor()
  })

  test('a server that restarts is said to be away, and what happened meanwhile is there when it is back', async () => {
    const page = await openAs(world.admin, '/actions/in-force')
    await page.getByText('Live', { exact: true }).waitFor()
    await world.stop()
    await page.getByText('No connection to the control plane').waitFor()
    await page.getByText('Offline', { exact: true }).waitFor()
    await world.start()
    await page.getByText('Live', { exact: true }).waitFor()
    expect(await page.getByText('No connection to the control plane').count()).toBe(0)
    await until(() => device.link.state().link === 'connected')
    await quarantine(['/tmp/after-restart'], 'after', true)
    await page.getByRole('button', { name: /newer row/ }).click()
    await page.getByRole('grid', { name: 'In force' }).getByText('/after-restart').waitFor()
  })

  test('[TRU6] names, paths and comments from strangers are text, and what would deceive is written out', async () => {
    const strange = await world.device({ name: hostile })
    const params = strange.plant('/tmp/a\nb<script>window.hacked=1</script>', 'x')
    const comment = '<svg onload="window.hacked=1"> & \u200Bhidden'
    const body = { action: 'quarantine-file', targets: [{ devices: [strange.id], params }], comment }
    const { actions } = await world.admin.call<{ actions: Row[] }>('POST', '/v1/actions', body)
    const page = await openAs(world.admin, `/actions/pending?action=${actions[0]?.id}`)
    const shown = page.getByRole('dialog')
    await shown.getByText('onerror="window.hacked=1">\\u{202e}gpj.exe').first().waitFor()
    await shown.getByText('\\u{200b}hidden').first().waitFor()
    await shown.getByText('/tmp/a\\nb<script>').first().waitFor()
    for (const path of ['/devices', `/devices/${strange.id}`, '/audit', '/']) {
      await page.goto(path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      expect(await page.evaluate('typeof window.hacked')).toBe('undefined')
    }
    expect(browsers.flatMap((it) => it.complaints)).toEqual([])
  })

  test('everything by keyboard alone: sign in, find, choose, read, approve', async () => {
    const [row] = await quarantine(['/tmp/by-keyboard'], 'no mouse here')
    const browser = await openBrowser(world.url)
    browsers.push(browser)
    const { page } = browser
    const { keyboard } = page
    await page.goto('/sign-in')
    await page.getByLabel('Name').and(page.locator(':focus')).waitFor()
    await keyboard.type('ada')
    await keyboard.press('Tab')
    await keyboard.type(password)
    await keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard' }).getByText('Go to Pending').waitFor()
    await keyboard.press('Escape')
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor({ state: 'hidden' })
    await keyboard.press('g')
    await keyboard.press('p')
    const grid = page.getByRole('grid', { name: 'Pending' })
    await grid.getByText('/by-keyboard').waitFor()
    await keyboard.press('/')
    await keyboard.type('by-keyboard')
    await until(async () => (await grid.getByRole('row').count()) === 2)
    await keyboard.press('Escape')
    await keyboard.press('Escape')
    await until(async () => (await grid.getByRole('row').count()) > 2)
    await page.goto('/actions/pending?q=by-keyboard')
    await until(async () => (await grid.getByRole('row').count()) === 2)
    await keyboard.press('j')
    await keyboard.press('x')
    await page.getByText('1 action selected').waitFor()
    await keyboard.press('a')
    const sheet = page.getByRole('dialog', { name: 'Approve this action' })
    await sheet.waitFor()
    await keyboard.type('By keys alone')
    await keyboard.press('Control+Enter')
    await until(async () => (await world.admin.call<Row>('GET', `/v1/actions/${row?.id}`)).status === 'succeeded')
    await keyboard.press('Control+k')
    await page.getByPlaceholder('Go to, respond on, or paste the id of an action').waitFor()
    await keyboard.type('in force')
    await page.getByText('In force: what holds now').waitFor()
    await keyboard.press('Enter')
    await page.getByRole('heading', { name: 'In force' }).waitFor()
    await page.getByRole('grid', { name: 'In force' }).focus()
    await keyboard.press('ArrowDown')
    await keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Timeline' }).waitFor()
    await keyboard.press('u')
    await page.getByRole('dialog', { name: 'Undo this action' }).waitFor()
    await keyboard.press('Escape')
    await keyboard.press('Escape')
    await page.getByRole('heading', { name: 'Timeline' }).waitFor({ state: 'hidden' })
  })
})

describe('[ACC2] the first start', () => {
  test('the set-up link makes the first administrator, shows the recovery key once, and is then worthless', async () => {
    const fresh = await startWorld({ setUp: false })
    const browser = await openBrowser(fresh.url)
    try {
      const link = fresh.server.setUpUrl ?? ''
      const { page } = browser
      await page.goto(link)
      await page.getByLabel('Name').fill('ada')
      expect(page.url()).not.toContain('#')
      await page.getByRole('textbox', { name: 'Password' }).fill(password)
      await page.getByRole('switch', { name: 'I work alone' }).click()
      await page.getByRole('button', { name: 'Create administrator' }).click()
      await page.getByRole('heading', { name: 'Keep this recovery key offline' }).waitFor()
      await page.getByRole('button', { name: 'I have kept it, go on' }).click()
      await page.getByText('Begin with a device').waitFor()
      await page.goto(link)
      await page.getByLabel('Name').fill('eve')
      await page.getByRole('textbox', { name: 'Password' }).fill(password)
      await page.getByRole('button', { name: 'Create administrator' }).click()
      await page.getByText('This set-up link was used already or has expired.').waitFor()
    } finally {
      await browser.close()
      await fresh.close()
    }
  })
})
