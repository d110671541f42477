import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { webhookReceiver } from '../../server/outbound/receivers.ts'
import { type Browser, openBrowser } from './browser.ts'
import { password, startWorld, until, type World } from './world.ts'

interface Rule {
  readonly name: string
  readonly filter: { readonly statuses: readonly string[]; readonly actions?: readonly string[] }
}

let world: World
let browser: Browser
let page: Page

beforeAll(async () => {
  world = await startWorld({ outboundHosts: ['127.0.0.1'] })
  for (const [name, value] of [
    ['Servers', 'lin-'],
    ['Workstations', 'ws-'],
    ['Branches', 'edge-'],
  ] as const) {
    const rule = [{ property: 'name', operator: 'starts-with', value }]
    await world.admin.call('POST', '/v1/groups', { name, rule, level: 'semi-any' })
  }
  await world.device({ name: 'lin-01' })
})
afterAll(() => world.close())

beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
})
afterEach(() => browser.close())

const focused = () =>
  page.evaluate<string>(
    `(() => { const it = document.activeElement
      return [it.getAttribute('aria-label') ?? '', it.labels?.[0]?.textContent ?? '', it.textContent ?? ''].join(' ') })()`,
  )

/** Goes on with Tab until what has the keyboard is called like this. A page without it ends the test by its time. */
const tabTo = async (name: RegExp, back = false) => {
  while (!name.test(await focused())) await page.keyboard.press(back ? 'Shift+Tab' : 'Tab')
}
const press = async (name: RegExp) => {
  await tabTo(name)
  await page.keyboard.press('Enter')
}
const type = async (label: RegExp, text: string) => {
  await tabTo(label)
  await page.keyboard.type(text)
}
const choose = async (label: RegExp, letters: string) => {
  await type(label, letters)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
}

const enter = async (path: string, ready: string) => {
  await browser.as(world.admin)
  await page.goto(path)
  await page.getByText(ready, { exact: true }).first().waitFor()
}

describe('[UI1] settings, by keyboard alone', () => {
  test('[ACC1] a role is made for the devices of one group, refused, mended, changed and deleted', async () => {
    await enter('/settings/roles', 'New role')
    await press(/^\s*New role/)
    await page.getByRole('dialog', { name: 'New role' }).waitFor()
    await type(/Name/, 'viewer')
    await press(/Make the role/)
    await page.getByText('This name is taken already.').waitFor()
    // Whoever was refused stands in the field that says why.
    await until(async () => /Name/.test(await focused()))
    await page.keyboard.press('Control+A')
    await page.keyboard.type('night-shift')
    await tabTo(/Ask for: isolate device/)
    await page.keyboard.press('Space')
    await tabTo(/Decide on: isolate device/)
    await page.keyboard.press('Space')
    await tabTo(/Every device/)
    await page.keyboard.press('ArrowRight')
    await press(/Make the role/)
    await page.getByText('Name a group; none never means all.').waitFor()
    await until(async () => /Device groups/.test(await focused()))
    await choose(/Device groups/, 'Serv')
    await page.keyboard.press('Escape')
    await tabTo(/Make the role/)
    await page.keyboard.press('Enter')
    await page.getByRole('row', { name: /night-shift.*Servers/ }).waitFor()
    const { roles } = await world.admin.call<{ roles: { name: string; permissions: string[] }[] }>('GET', '/v1/roles')
    expect(roles.find((it) => it.name === 'night-shift')?.permissions).toEqual([
      'view',
      'respond:isolate-device',
      'approve:isolate-device',
    ])
    await press(/Change night-shift/)
    await page.getByRole('dialog', { name: 'Role night-shift' }).waitFor()
    await type(/What it is for/, 'Decides at night')
    await press(/Save/)
    await page.getByText('Decides at night').waitFor()
    await press(/Delete night-shift/)
    await page.getByRole('dialog', { name: 'Delete the role night-shift?' }).waitFor()
    await press(/Delete the role/)
    await page.getByRole('row', { name: /night-shift/ }).waitFor({ state: 'detached' })
  })

  test('a notification rule is made, tested with the real answer, changed and deleted', async () => {
    const receiver = await webhookReceiver()
    try {
      await enter('/settings/notifications', 'New rule')
      await press(/^\s*New rule/)
      await page.getByRole('dialog', { name: 'New notification rule' }).waitFor()
      await type(/Name/, 'desk')
      await type(/Address/, 'ftp://nowhere')
      await press(/Make the rule/)
      await page.getByText('Not a web address, such as https://example.org/hook.').waitFor()
      await until(async () => /Address/.test(await focused()))
      await page.keyboard.press('Control+A')
      await page.keyboard.type(receiver.url)
      await choose(/Kinds of action/, 'Isol')
      await page.keyboard.press('Escape')
      await press(/Make the rule/)
      await page.getByText('The receiver checks with this secret').waitFor()
      await press(/Test desk/)
      await page.getByText('desk: the receiver took the test.').waitFor()
      expect(receiver.heard.map((it) => JSON.parse(it.body).type)).toEqual(['test'])
      receiver.mood.status = 500
      await tabTo(/Test desk/, true)
      await page.keyboard.press('Enter')
      await page.getByText('desk: the test did not arrive. Answered 500.').waitFor()
      await press(/Change desk/)
      await page.getByRole('dialog', { name: 'Rule desk' }).waitFor()
      await choose(/When an action is/, 'Reject')
      await page.keyboard.press('Escape')
      await press(/^[^a-z]*Save/)
      await page.getByText(/failed, needs a choice, rejected/).waitFor()
      const { rules } = await world.admin.call<{ rules: Rule[] }>('GET', '/v1/notifications')
      expect(rules).toMatchObject([
        {
          name: 'desk',
          filter: { actions: ['isolate-device'], statuses: ['pending-approval', 'failed', 'conflict', 'rejected'] },
        },
      ])
      await press(/Delete desk/)
      await page.getByRole('dialog', { name: 'Delete the rule desk?' }).waitFor()
      await press(/Delete the rule/)
      await page.getByText('Nobody is told of anything').waitFor()
    } finally {
      await receiver.close()
    }
  })

  test('[POL3] groups are ranked with the arrow keys, again and again, and with the mouse', async () => {
    const order = async () => {
      const { groups } = await world.admin.call<{ groups: { name: string; isDefault: boolean }[] }>('GET', '/v1/groups')
      return groups.filter((it) => !it.isDefault).map((it) => it.name)
    }
    const becomes = (names: readonly string[]) => until(async () => (await order()).join() === names.join())
    await enter('/groups', 'Servers')
    await tabTo(/Rank of Branches/)
    await page.keyboard.press('ArrowUp')
    await page.getByText('Branches is number 2 of 3 now').waitFor()
    await page.keyboard.press('ArrowUp')
    await page.getByText('Branches is number 1 of 3 now').waitFor()
    await becomes(['Branches', 'Servers', 'Workstations'])
    await page.keyboard.press('ArrowDown')
    await becomes(['Servers', 'Branches', 'Workstations'])
    expect(await focused()).toMatch(/Rank of Branches: 2/)
    const row = (name: string) => page.getByRole('listitem').filter({ hasText: name })
    await row('Workstations').dragTo(row('Servers'))
    await becomes(['Workstations', 'Servers', 'Branches'])
  })

  test('[POL3] a group shows while one types which devices it would take, and what its level means', async () => {
    await enter('/groups', 'New group')
    await press(/^\s*New group/)
    await type(/Name/, 'Everything Linux')
    await type(/Value of row 1/, 'lin')
    await page.getByText('0 devices would belong to it; 1 more match, but a group above takes them').waitFor()
    await page.getByText('Nothing is done without a person: whatever is malicious waits for approval.').last().waitFor()
    await press(/Make the group/)
    await page.getByRole('button', { name: 'Everything Linux', exact: true }).waitFor()
    await press(/^\s*New group/)
    await type(/Name/, 'everything linux')
    await type(/Value of row 1/, 'other')
    await press(/Make the group/)
    await page.getByText('This name is taken already.').waitFor()
    await until(async () => /Name/.test(await focused()))
  })
})

describe('[ACC2] at the door', () => {
  /** What is typed before the page has its first field under the keyboard goes nowhere. */
  const approach = async () => {
    await page.goto('/sign-in')
    await page.getByLabel('Name').and(page.locator(':focus')).waitFor()
  }

  test('wrong tries, and the lockout after them, say what to do', async () => {
    await approach()
    await page.keyboard.type('ada')
    await page.keyboard.press('Tab')
    await page.keyboard.type('not the password')
    const wrong = page.getByRole('alert').getByText('Name or password is wrong. Look at both, and at Caps Lock')
    for (let at = 0; at < 5; at++) {
      await page.keyboard.press('Enter')
      await wrong.waitFor()
      // The message goes with the next letter, so that the next one is of the next try.
      await page.keyboard.type('!')
      await wrong.waitFor({ state: 'hidden' })
    }
    await page.keyboard.press('Enter')
    await page
      .getByRole('alert')
      .getByText(/There were too many wrong tries.*Try again in \d+ minutes\./)
      .waitFor()
  })

  test('a try that is sent again before it is answered is one try', async () => {
    const tries: string[] = []
    page.on('request', (it) => {
      if (it.url().endsWith('/v1/sign-in') && it.method() === 'POST') tries.push(it.url())
    })
    await approach()
    await page.keyboard.type('bob')
    await page.keyboard.press('Tab')
    await page.keyboard.type('not the password')
    // Faster than a page is drawn, as with a key that is held down.
    await page.evaluate(`(() => {
      for (let at = 0; at < 6; at++) document.querySelector('form').requestSubmit()
    })()`)
    await page.getByRole('alert').getByText('Name or password is wrong').waitFor()
    expect(tries).toHaveLength(1)
    await page.keyboard.press('Enter')
    await until(() => tries.length === 2)
  })

  test('a set-up link that was used says what to do', async () => {
    await page.goto('/setup#used')
    await page.getByLabel('Name').fill('eve')
    await page.getByRole('textbox', { name: 'Password' }).fill(password)
    await page.getByRole('button', { name: 'Create administrator' }).click()
    await page.getByText('If you have an account, sign in.').waitFor()
    await page.goto('/setup')
    await page.reload()
    await page.getByText('The link is not complete').waitFor()
    await page.getByRole('link', { name: 'sign in' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  })
})
