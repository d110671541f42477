import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { password, startWorld, until, type World } from './world.ts'

interface Row {
  readonly id: string
  readonly status: string
  readonly effect: string
}

let world: World
let one: SimulatedDevice
let two: SimulatedDevice
let browser: Browser
let page: Page

const rowOf = (id: string) => world.admin.call<Row>('GET', `/v1/actions/${id}`)

const ask = async (action: string, targets: object[], approve: boolean): Promise<string[]> => {
  const body = { action, targets, comment: 'for the test', approve }
  const { actions } = await world.admin.call<{ actions: Row[] }>('POST', '/v1/actions', body)
  return actions.map((it) => it.id)
}

const quarantine = (devices: readonly SimulatedDevice[], path: string, approve: boolean) =>
  ask(
    'quarantine-file',
    devices.map((it) => ({ devices: [it.id], params: it.plant(path, 'bad') })),
    approve,
  )

const ended = (id: string) =>
  until(async () => !['pending-approval', 'queued', 'delivered', 'running'].includes((await rowOf(id)).status))

beforeAll(async () => {
  world = await startWorld()
  one = await world.device({ name: 'lin-01', group: 'servers' })
  two = await world.device({ name: 'lin-02', group: 'servers' })
})
afterAll(() => world.close())

beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
})
afterEach(async () => {
  await browser.close()
  // Nothing the page did may have broken its own content security policy, or failed without a word.
  const faults = browser.complaints.filter((it) => !/status of 4\d\d|ERR_|Failed to load resource/.test(it))
  if (faults.length > 0) throw new Error(faults.join('\n'))
})

const enter = async (path: string) => {
  await browser.as(world.admin)
  await page.goto(path)
}
const grid = (name: string) => page.getByRole('grid', { name })

describe('[UI1] the dashboard, by a person with a mouse', () => {
  test('sends whoever is not signed in to the sign-in, and back to where they wanted to go', async () => {
    await page.goto('/actions/history')
    await page.getByLabel('Name').fill('ada')
    await page.getByRole('textbox', { name: 'Password' }).fill('not the password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText('Name or password is wrong.').waitFor()
    await page.getByRole('textbox', { name: 'Password' }).fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'History' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/actions/history')
  })

  test('[LIFE10] asks with a form made from the spec, previews, approves, and shows it in force', async () => {
    const { path, sha256 } = one.plant('/tmp/form-made', 'evil')
    await enter(`/devices/${one.id}`)
    await page.getByRole('button', { name: 'Respond' }).click()
    await page.getByRole('menuitem', { name: 'Quarantine file' }).click()
    const sheet = page.getByRole('dialog', { name: 'Quarantine file on lin-01' })
    await sheet.locator('input:focus').waitFor()
    await page.keyboard.type('relative/path')
    expect(await sheet.getByLabel('Path').inputValue()).toBe('relative/path')
    await sheet.getByLabel('SHA-256').fill(sha256)
    await sheet.getByLabel('Why?').fill('The form must work')
    await sheet.getByRole('button', { name: 'Ask to quarantine file' }).click()
    await sheet.getByText('not an absolute path').waitFor()
    await sheet.getByLabel('Path').fill(path)
    await sheet.getByRole('button', { name: 'Preview' }).click()
    await sheet.getByText('It would hurt nothing else that the device can see.').waitFor()
    await sheet.getByRole('button', { name: 'Ask to quarantine file' }).click()

    const flyout = page.getByRole('dialog').filter({ hasText: 'Timeline' })
    await flyout.getByText('Waiting for approval').waitFor()
    await flyout.getByRole('button', { name: 'Approve' }).click()
    const approval = page.getByRole('dialog', { name: 'Approve this action' })
    await approval.getByLabel('Why?').fill('Seen and agreed')
    await approval.getByRole('button', { name: 'Approve this action' }).click()
    await flyout.getByText('In force', { exact: true }).waitFor()
    await flyout.getByText('Proof').waitFor()
    expect(one.machine.exists(path)).toBe(false)
  })

  test('rejects with a reason, and nothing is touched', async () => {
    const [id = ''] = await quarantine([one], '/tmp/reject-me', false)
    await enter(`/actions/pending?action=${id}`)
    await page.getByRole('button', { name: 'Reject' }).click()
    const sheet = page.getByRole('dialog', { name: 'Reject this action' })
    await sheet.getByLabel('Why not?').fill('It belongs there')
    await sheet.getByRole('button', { name: 'Reject this action' }).click()
    await page.getByText('Rejected by ada').waitFor()
    expect((await rowOf(id)).status).toBe('rejected')
    expect(one.machine.exists('/tmp/reject-me')).toBe(true)
  })

  test('[UND1] takes one back from its flyout, saying first what will be put back', async () => {
    const [id = ''] = await quarantine([one], '/tmp/take-back', true)
    await ended(id)
    await enter(`/actions/history?action=${id}`)
    await page.getByRole('button', { name: 'Show what it would put back' }).click()
    await page.getByText('/tmp/take-back').nth(2).waitFor()
    await page.getByRole('button', { name: 'Release from quarantine', exact: true }).click()
    const sheet = page.getByRole('dialog', { name: 'Undo this action' })
    await sheet.getByLabel('Why?').fill('False alarm')
    await sheet.getByRole('button', { name: 'Undo this action' }).click()
    await until(async () => {
      const { items } = await world.admin.call<{ items: Row[] }>('GET', `/v1/actions?kind=undo&status=pending-approval`)
      return items.length > 0
    })
    await page.getByText('Taken back by').waitFor()
    await page.getByRole('link', { name: 'Release from quarantine' }).click()
    await page.getByRole('button', { name: 'Approve' }).click()
    const approval = page.getByRole('dialog', { name: 'Approve this action' })
    await approval.getByLabel('Why?').fill('Agreed')
    await approval.getByRole('button', { name: 'Approve this action' }).click()
    await until(() => one.machine.exists('/tmp/take-back'))
  })

  test('[LIFE8] approves many at once: the sheet says what happens where, and how it ended', async () => {
    const ids = await quarantine([one, two], '/tmp/many', false)
    await enter('/actions/pending?q=/tmp/many')
    await grid('Pending').getByText('lin-02').waitFor()
    await page.getByLabel('Select every row that is loaded').check()
    const bar = page.getByRole('region', { name: 'Selection' })
    await bar.getByText('2 actions selected').waitFor()
    await bar.getByRole('button', { name: 'Approve' }).click()
    const sheet = page.getByRole('dialog', { name: 'Approve 2 actions' })
    await sheet.getByText('Quarantine file on 2 devices').waitFor()
    await sheet.getByText('2 Linux').waitFor()
    await sheet.getByLabel('Why?').fill('Both')
    await sheet.getByRole('button', { name: 'Approve 2 actions' }).click()
    await page.getByText('2 actions approved.').waitFor()
    for (const id of ids) await ended(id)
    expect(await Promise.all(ids.map(async (id) => (await rowOf(id)).effect))).toEqual(['in-force', 'in-force'])
  })

  test('[UND6] from one quarantined file, takes back every other instance of it, counted before', async () => {
    // The same bytes, under other paths.
    const targets = [
      { devices: [one.id], params: one.plant('/tmp/instance', 'the same bytes') },
      { devices: [two.id], params: two.plant('/home/mira/copy', 'the same bytes') },
    ]
    const ids = await ask('quarantine-file', targets, true)
    for (const id of ids) await ended(id)
    await enter(`/actions/in-force?action=${ids[0]}`)
    await page.getByRole('heading', { name: '1 other instance' }).waitFor()
    await page.getByRole('button', { name: 'Apply release from quarantine to 1 more instance' }).click()
    const sheet = page.getByRole('dialog', { name: 'Undo 2 actions' })
    await sheet.getByText('Release from quarantine on 2 devices').waitFor()
    await sheet.getByLabel('Why?').fill('All of them were harmless')
    await sheet.getByRole('button', { name: 'Undo 2 actions' }).click()
    await page.getByText('2 actions asked to be taken back; somebody has to approve.').waitFor()
  })

  test('[UND2] shows what was found when the place was changed, and puts it beside when told to', async () => {
    const [id = ''] = await quarantine([one], '/tmp/conflict', true)
    await ended(id)
    one.machine.writeFile('/tmp/conflict', 'somebody put another one here')
    const undo = { actions: [id], comment: 'back', approve: true }
    const { actions } = await world.admin.call<{ actions: Row[] }>('POST', '/v1/actions/undo', undo)
    const [undoing = { id: '' }] = actions
    await ended(undoing.id)
    await enter(`/actions/history?action=${undoing.id}`)
    await page.getByText('Somebody changed the place since. Nothing was touched.').waitFor()
    await page.getByRole('button', { name: 'Put it beside' }).click()
    await page.getByText('Release from quarantine:').waitFor()
    const { items } = await world.admin.call<{ items: { onConflict: string }[] }>(
      'GET',
      '/v1/actions?kind=undo&limit=1',
    )
    expect(items[0]?.onConflict).toBe('beside')
  })

  test('[ISO4] isolates a device and releases it from the banner', async () => {
    const [id = ''] = await ask('isolate-device', [{ devices: [two.id], params: {} }], true)
    await ended(id)
    await enter(`/devices/${two.id}`)
    const banner = page.getByRole('region', { name: 'Isolation' })
    await banner.getByText('lin-02 is isolated.').waitFor()
    await banner.getByRole('button', { name: 'Release device' }).click()
    const sheet = page.getByRole('dialog', { name: 'Undo this action' })
    await sheet.getByLabel('Why?').fill('Clean again')
    await sheet.getByRole('button', { name: 'Undo this action' }).click()
    await page.getByText('Release device:').waitFor()
  })

  test('destructive actions want a word typed before they are approved', async () => {
    one.machine.writeFile('/usr/bin/victim', 'a program')
    const pid = one.machine.spawnProcess({ image: '/usr/bin/victim' })
    const startedAt = String(one.machine.processTable.get(pid).startedAt)
    const process = { pid, startedAt, bootId: one.machine.bootId }
    const [id = ''] = await ask('kill-process', [{ devices: [one.id], params: { target: { process } } }], false)
    await enter(`/actions/pending?action=${id}`)
    await page.getByRole('button', { name: 'Approve' }).click()
    const sheet = page.getByRole('dialog', { name: 'Approve this action' })
    await sheet.getByLabel('Why?').fill('It spreads')
    const approve = sheet.getByRole('button', { name: 'Approve this action' })
    expect(await approve.isDisabled()).toBe(true)
    await sheet.getByLabel('Type “kill” to confirm').fill('kill')
    await approve.click()
    await ended(id)
    expect((await rowOf(id)).status).toBe('succeeded')
    expect(one.machine.processTable.find(pid)).toBeNull()
  })

  test('[AUD1] verifies the whole chain in the browser, and finds what somebody changed on the way', async () => {
    await enter('/audit')
    await page.getByRole('button', { name: 'Verify in this browser' }).click()
    await page.getByText(/Whole and unchanged: \d+ entries/).waitFor()
    await page.route('**/v1/audit/export?format=jsonl', async (route) => {
      const response = await route.fetch()
      const text = await response.text()
      await route.fulfill({
        response,
        body: text.replace('operator.signed-in', 'operator.signed-On'),
      })
    })
    await page.getByRole('button', { name: 'Verify again' }).click()
    await page.getByText(/does not match its own hash: it was changed/).waitFor()
  })
})
