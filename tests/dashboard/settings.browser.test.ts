import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { webhookReceiver } from '../../server/outbound/receivers.ts'
import { type Browser, openBrowser } from './browser.ts'
import { type Operator, startWorld, until, type World } from './world.ts'

let world: World
let viewer: Operator
let group: { id: string; name: string }
let browser: Browser
let page: Page

beforeAll(async () => {
  world = await startWorld({ outboundHosts: ['127.0.0.1'] })
  viewer = await world.person('vera', 'viewer')
  group = await world.admin.call('POST', '/v1/groups', {
    name: 'Servers',
    rule: [{ property: 'name', operator: 'starts-with', value: 'lin-' }],
    level: 'semi-core',
  })
})
afterAll(() => world.close())

beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
})
afterEach(() => browser.close())

const enter = async (path: string, as = world.admin) => {
  await browser.as(as)
  await page.goto(path)
}
const button = (name: string) => page.getByRole('button', { name, exact: true })
const drawer = () => page.getByRole('dialog').last()
const settings = () => world.admin.call<Record<string, unknown>>('GET', '/v1/settings')

/** The input with this label and what stands below it are one: that is where a refusal belongs. */
const refusedBeside = async (label: string, words: string | RegExp) => {
  const input = page.getByLabel(label, { exact: true })
  await until(async () => (await input.getAttribute('aria-invalid')) === 'true')
  const described = (await input.getAttribute('aria-describedby')) ?? ''
  const texts = await Promise.all(described.split(' ').map((id) => page.locator(`[id="${id}"]`).textContent()))
  expect(texts.join(' ')).toMatch(words)
}

describe('[UI1] each form is saved, comes back after a reload, and shows each refusal beside its field', () => {
  test('who decides: numbers and waves', async () => {
    await enter('/settings/rules')
    await page.getByLabel('Days until a request expires').fill('31')
    await button('Save').click()
    await refusedBeside('Days until a request expires', 'At most 30.')
    await page.getByLabel('Days until a request expires').fill('9')
    await page.getByLabel('Waves, in percent').fill('10, 50')
    await button('Save').click()
    await refusedBeside('Waves, in percent', 'The last wave reaches 100 percent.')
    await page.getByLabel('Waves, in percent').fill('10, 50, 100')
    await button('Save').click()
    await page.getByText('Saved', { exact: true }).waitFor()
    await page.reload()
    await page.getByLabel('Waves, in percent').waitFor()
    expect(await page.getByLabel('Days until a request expires').inputValue()).toBe('9')
    expect(await page.getByLabel('Waves, in percent').inputValue()).toBe('10, 50, 100')
    expect(await settings()).toMatchObject({ approvalDays: 9, rolloutWaves: [10, 50, 100] })
    await page
      .getByText('100 calls a minute')
      .or(page.getByText(/calls a minute, .* an hour/))
      .first()
      .waitFor()
  })

  test('retention', async () => {
    await enter('/settings/retention')
    await page.getByLabel('Days that alerts are kept').fill('0')
    await button('Save').click()
    await refusedBeside('Days that alerts are kept', 'At least 1.')
    await page.getByLabel('Days that alerts are kept').fill('30')
    await button('Save').click()
    await page.getByText('Saved', { exact: true }).waitFor()
    await page.reload()
    await page.getByLabel('Days that alerts are kept').waitFor()
    expect(await page.getByLabel('Days that alerts are kept').inputValue()).toBe('30')
    expect(await settings()).toMatchObject({ alertDays: 30, historyDays: 180 })
  })

  test('[POL2] folder lists and exclusions', async () => {
    await enter('/settings/automation')
    const before = await page.getByLabel('Linux, temporary').inputValue()
    await page.getByLabel('Linux, temporary').fill(`${before}\nscratch`)
    await button('Save').click()
    await refusedBeside('Linux, temporary', /Entry \d+: A folder pattern is an absolute path/)
    await page.getByLabel('Linux, temporary').fill(`${before}\n/scratch`)
    await button('Save').click()
    await page.getByText('Saved', { exact: true }).waitFor()

    await button('Exclude something').click()
    await page.getByLabel('Folder', { exact: true }).fill('opt/scanner')
    await button('Exclude it').click()
    await refusedBeside('Folder', /A folder pattern is an absolute path/)
    await page.getByLabel('Folder', { exact: true }).fill('/opt/scanner')
    await button('Exclude it').click()
    await refusedBeside('Why?', 'Say why.')
    await page.getByLabel('Why?').fill('The scanner keeps samples here')
    await button('Exclude it').click()
    await page.reload()
    await page.getByRole('row', { name: /opt\/scanner/ }).waitFor()
    expect(await page.getByLabel('Linux, temporary').inputValue()).toBe(`${before}\n/scratch`)
    await page.getByRole('button', { name: 'End the exclusion of /opt/scanner' }).click()
    await page.getByText('Nothing is excluded').waitFor()
  })

  test('[ACC1] people: added, changed, disabled, and the last administrator stays', async () => {
    await enter('/settings/people')
    await button('Add somebody').click()
    await drawer().getByLabel('Name', { exact: true }).fill('ada')
    await drawer().getByLabel('First password').fill('short')
    await button('Add').click()
    await refusedBeside('First password', 'At least 12 characters.')
    await drawer().getByLabel('First password').fill('correct horse battery')
    await button('Add').click()
    await refusedBeside('Name', 'This name is taken already.')
    await drawer().getByLabel('Name', { exact: true }).fill('nia')
    await button('Add').click()
    await button('Change nia').click()
    await drawer().getByRole('switch', { name: 'Disabled' }).check()
    await drawer().getByRole('button', { name: 'Save' }).click()
    await page.getByRole('row', { name: /nia .* disabled/ }).waitFor()
    await button('Change ada').click()
    await drawer().getByRole('switch', { name: 'Disabled' }).check()
    await drawer().getByRole('button', { name: 'Save' }).click()
    await page.getByText('Nobody could administer any more.').waitFor()
  })

  test('[ACC2] API clients: the secret is shown once, works, and ends with a new one', async () => {
    await enter('/settings/clients')
    await button('New client').click()
    await drawer().getByLabel('Name', { exact: true }).fill('Not A Name!')
    await button('Make the client').click()
    await refusedBeside('Name', /Letters a–z, digits/)
    await drawer().getByLabel('Name', { exact: true }).fill('siem')
    await button('Make the client').click()
    const shown = page.getByRole('status').filter({ hasText: 'The secret of siem.' })
    const id = (await shown.locator('strong code').textContent()) ?? ''
    const secret = (await shown.locator('> code').textContent()) ?? ''
    const token = () =>
      fetch(`${world.url}/v1/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      })
    expect((await token()).status).toBe(200)
    await page.reload()
    await button('New secret for siem').waitFor()
    expect(await page.content()).not.toContain(secret)
    await button('New secret for siem').click()
    await button('Make a new secret').click()
    await page.getByText('The secret of siem.').waitFor()
    expect((await token()).status).toBe(401)
  })

  test('[TRU1] enrolment: one command for one line, and the token goes by standard input', async () => {
    await enter('/settings/enrolment')
    await page.getByLabel('How many devices').fill('')
    await button('Make a token').click()
    await page.getByText('Not the kind of value').or(page.getByText('Needed.')).first().waitFor()
    await page.getByLabel('How many devices').fill('2')
    await button('Make a token').click()
    const command = (await page.getByRole('status').locator('> code').textContent()) ?? ''
    expect(command).toMatch(/^printf %s 'rce1\.[^']+' \| sudo node \S+ enrol --server 127\.0\.0\.1:\d+ --token - && /)
    expect(command).not.toContain('\n')
    await page.reload()
    await page.getByRole('button', { name: /^Withdraw token/ }).click()
    await page.getByText('No token is open').waitFor()
  })

  test('API tokens: one’s own rights at most, shown once', async () => {
    await enter('/settings/tokens')
    await button('Make token').click()
    await refusedBeside('What it is for', 'Needed.')
    await page.getByLabel('What it is for').fill('nightly report')
    await button('Make token').click()
    const text = (await page.getByRole('status').locator('> code').textContent()) ?? ''
    const me = await fetch(`${world.url}/v1/me`, { headers: { authorization: `Bearer ${text}` } })
    expect(await me.json()).toMatchObject({ name: 'ada', permissions: ['view'] })
    await page.reload()
    await button('Revoke nightly report').click()
    await page.getByText('No token', { exact: true }).waitFor()
  })

  test('the mail server, whose password comes back to nobody', async () => {
    await enter('/settings/notifications')
    await page.getByLabel('Host', { exact: true }).fill('smtp example')
    await page.getByLabel('Sender').fill('nobody')
    await button('Save').click()
    await refusedBeside('Host', 'A host name or an address.')
    await refusedBeside('Sender', 'Not an e-mail address.')
    await page.getByLabel('Host', { exact: true }).fill('smtp.example.org')
    await page.getByLabel('Sender').fill('recourse@example.org')
    await page.getByLabel('User').fill('recourse')
    await page.getByRole('textbox', { name: 'Password' }).fill('the password of our mail')
    await button('Save').click()
    await page.getByText('One is kept; empty keeps it').waitFor()
    await page.reload()
    await page.getByText('One is kept; empty keeps it').waitFor()
    expect(await page.getByRole('textbox', { name: 'Password' }).inputValue()).toBe('')
    await page.getByLabel('Sender').fill('soc@example.org')
    await button('Save').click()
    await until(async () => {
      const { mail } = await world.admin.call<{ mail: { from: string; hasPassword: boolean } }>('GET', '/v1/mail')
      return mail.from === 'soc@example.org' && mail.hasPassword
    })
  })

  test('forwarders: queue, test with the real answer, and both ways', async () => {
    const receiver = await webhookReceiver()
    try {
      await enter('/settings/forwarders')
      await button('New forwarder').click()
      await button('Make the forwarder').click()
      await refusedBeside('Name', 'Needed.')
      await refusedBeside('Host', /Needed\./)
      await drawer().getByLabel('Name', { exact: true }).fill('lake')
      await drawer().getByText('Webhook', { exact: true }).click()
      await drawer().getByLabel('Address').fill('nowhere')
      await button('Make the forwarder').click()
      await refusedBeside('Address', /Not a web address/)
      await drawer().getByLabel('Address').fill(receiver.url)
      await button('Make the forwarder').click()
      await page.getByText('The receiver checks with this secret').waitFor()
      await page.getByText(/Last success/).waitFor()
      receiver.mood.status = 503
      await button('Test lake').click()
      await page.getByText('lake: the test did not arrive. Answered 503.').waitFor()
      // What happens next is what it cannot get.
      await world.admin.call('PATCH', '/v1/settings', { queueDays: 5 })
      await page.getByText('Last error: answered 503').waitFor()
      await page.getByText(/\d+ waiting/).waitFor()
      receiver.mood.status = 200
      await button('Test lake').click()
      await page.getByText('lake: the receiver took the test.').waitFor()
      await button('Delete lake').click()
      await button('Delete the forwarder').click()
      await page.getByText('The chain goes nowhere else').waitFor()
    } finally {
      await receiver.close()
    }
  })
})

describe('[UI1] settings of several people', () => {
  test('of two who save at once, the second gets a sentence, sees what the first saved, and can go on', async () => {
    await enter('/settings/retention')
    await page.getByLabel('Days that the history is kept').fill('200')
    await world.admin.call('PATCH', '/v1/settings', { historyDays: 90 })
    await button('Save').click()
    await page.getByText('Somebody else saved this while you were changing it').waitFor()
    expect(await settings()).toMatchObject({ historyDays: 90 })
    await button('Show what they saved').click()
    await until(async () => (await page.getByLabel('Days that the history is kept').inputValue()) === '90')
    await page.getByLabel('Days that the history is kept').fill('200')
    await button('Save').click()
    await page.getByText('Saved', { exact: true }).waitFor()
    expect(await settings()).toMatchObject({ historyDays: 200 })
  })

  test('unsaved work is not left without a word, on the page or in a drawer', async () => {
    await enter('/settings/retention')
    await page.getByLabel('Days that the history is kept').fill('77')
    await page.getByRole('link', { name: 'Roles' }).click()
    await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Stay here' }).click()
    expect(await page.getByLabel('Days that the history is kept').inputValue()).toBe('77')
    await page.getByRole('link', { name: 'Roles' }).click()
    await button('Leave without saving').click()
    await button('New role').click()
    await drawer().getByLabel('Name', { exact: true }).fill('half')
    await page.keyboard.press('Escape')
    await button('Stay here').click()
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('half')
    await page.keyboard.press('Escape')
    await button('Leave without saving').click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  test('[ACC3] who may only look sees the rules as they are, with the reason, and nothing to press', async () => {
    await enter('/settings/rules', viewer)
    await page.getByText(/You can read this, not change it/).waitFor()
    expect(await page.getByLabel('Days until a request expires').isDisabled()).toBe(true)
    for (const [part, own] of [
      ['retention', 'Days that alerts are kept'],
      ['automation', 'Linux, core'],
    ] as const) {
      await page.goto(`/settings/${part}`)
      await page
        .getByText(/You can read this, not change it/)
        .first()
        .waitFor()
      expect(await page.getByLabel(own).isDisabled()).toBe(true)
      expect(await button('Save').count()).toBe(0)
    }
    for (const part of ['people', 'roles', 'clients', 'enrolment', 'notifications', 'forwarders']) {
      await page.goto(`/settings/${part}`)
      await page.getByText('You cannot see this').waitFor()
      expect(await page.getByRole('main').getByRole('button').count()).toBe(0)
    }
    await page.goto('/groups')
    await page.getByText(/You can read this, not change it/).waitFor()
    await button(group.name).click()
    expect(await page.getByLabel('Value of row 1').isDisabled()).toBe(true)
  })
})
