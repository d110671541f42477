import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Asking, asking, type Row } from './asking.ts'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { password, signIn, startWorld, until, type World } from './world.ts'

interface Side {
  readonly device: SimulatedDevice
  readonly held: Row
  readonly waits: Row
  readonly investigation: string
}

let world: World
let its: Asking
let own: Side
let hidden: Side
let browser: Browser
let page: Page
let answers: Promise<string>[]

/** A device with something held, something that waits, and an alert that opened an investigation. */
const side = async (name: string, word: string): Promise<Side> => {
  const device = await world.device({ name })
  const target = (path: string) => [{ devices: [device.id], params: device.plant(path, path) }]
  const [held] = await its.ask('quarantine-file', target(`/srv/${word}-held`))
  const [waits] = await its.ask('quarantine-file', target(`/srv/${word}-waits`), { approve: false })
  if (held === undefined || waits === undefined) throw new Error('nothing was asked for')
  await its.ended([held])
  const item = { kind: 'file', ...device.plant(`/usr/bin/${word}-shell`, 'back door') }
  const evidence = [{ item, verdict: 'malicious', reasons: [`Reason of ${word}.`] }]
  const alert = { source: 'edr', key: word, title: `Alert ${word}`, severity: 'high', device: name, at: Date.now() }
  const { investigation } = await world.admin.call<{ investigation: string }>('POST', '/v1/alerts', {
    ...alert,
    evidence,
  })
  return { device, held, waits, investigation }
}

beforeAll(async () => {
  world = await startWorld()
  its = asking(world)
  const group = async (name: string, value: string) => {
    const rule = [{ property: 'name', operator: 'starts-with', value }]
    return (await world.admin.call<{ id: string }>('POST', '/v1/groups', { name, rule, level: 'semi-any' })).id
  }
  const servers = await group('Servers', 'lin-')
  await group('Secretariat', 'ws-')
  own = await side('lin-own', 'mine')
  hidden = await side('ws-hidden', 'foreign')
  await world.admin.call('POST', '/v1/roles', {
    name: 'server-team',
    permissions: ['view', 'respond:quarantine-file', 'approve:quarantine-file', 'alerts-manage', 'audit-read'],
    groups: [servers],
  })
  await world.admin.call('POST', '/v1/people', { name: 'sam', password, role: 'server-team' })
})
afterAll(() => world.close())
beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
  answers = []
  page.on('response', (it) => {
    if (new URL(it.url()).pathname.startsWith('/v1/') && !it.url().includes('/v1/events'))
      answers.push(it.text().catch(() => ''))
  })
  await browser.as(await signIn(world.url, 'sam'))
})
afterEach(() => browser.close())

/** Everything that could tell of the other device. */
const secrets = () => [
  'ws-hidden',
  'foreign',
  'Secretariat',
  hidden.device.id,
  hidden.held.id,
  hidden.waits.id,
  hidden.investigation,
]
/** Throws when the page, or anything the server ever answered to it, tells of what this person must not know. */
const tellsNothing = async (but: readonly string[] = []) => {
  const all = [await page.content(), ...(await Promise.all(answers))].join('\n')
  expect(secrets().filter((it) => !but.includes(it) && all.includes(it))).toEqual([])
}
const none = 'There is no such thing, or you may not see it.'

describe('[ACC3] somebody who is given one group of devices', () => {
  test('finds their own device in every list, in every count and in every picture, and no trace of others', async () => {
    const pages: readonly (readonly [path: string, ready: string])[] = [
      ['/', '2 actions wait for a decision'],
      ['/actions/pending', '/mine-waits'],
      ['/actions/history', '/mine-held'],
      ['/actions/in-force', '/mine-held'],
      ['/devices', '1 device, 1 connected now.'],
      ['/groups', 'Servers'],
      ['/alerts', 'Alert mine'],
      ['/investigations', 'Alert mine'],
      ['/vault', '/mine-held'],
      ['/audit', 'Audit'],
      [`/devices/${own.device.id}`, 'What can be done here'],
      [`/investigations/${own.investigation}`, 'Reason of mine.'],
    ]
    for (const [path, ready] of pages) {
      await page.goto(path)
      await page.getByText(ready).first().waitFor()
      await tellsNothing()
    }
    // The proposed quarantine of the investigation and the one that was asked for.
    await page.goto('/actions/pending')
    await page.getByRole('status').getByText('2 actions').waitFor()
    expect(await page.getByRole('navigation').getByText('2 waiting').count()).toBe(1)
  })

  test('gets a sentence for the links of others, not an empty page, an error code or a hint that there is something', async () => {
    const links = (it: Pick<Side, 'held' | 'investigation'> & { readonly device: { readonly id: string } }) => [
      `/devices/${it.device.id}`,
      `/actions/history?action=${it.held.id}`,
      `/investigations/${it.investigation}`,
    ]
    const never = '0190b000-0000-7000-8000-00000000dead'
    const said: string[][] = []
    for (const set of [
      links(hidden),
      links({ device: { id: never }, held: { ...own.held, id: never }, investigation: never }),
    ]) {
      const words: string[] = []
      for (const link of set) {
        await page.goto(link)
        await page.getByRole('alert').getByText(none).waitFor()
        words.push(await page.getByRole('alert').innerText())
      }
      said.push(words)
    }
    // What is hidden and what never was are told apart by nothing.
    expect(said[0]).toEqual(said[1])
    await tellsNothing(secrets().filter((it) => /^[0-9a-f-]{36}$/.test(it)))
  })

  test('the palette finds and offers only their own', async () => {
    await page.goto('/')
    await page.getByText('Needs you now').waitFor()
    await page.keyboard.press('Control+k')
    const box = page.getByPlaceholder('Go to, respond on, or paste the id of an action')
    await box.fill('lin-')
    await page.getByText('Quarantine file on lin-own').waitFor()
    // Not in the role.
    expect(await page.getByText('Isolate device on lin-own').count()).toBe(0)
    await box.fill('ws-hid')
    await page.getByText('Nothing by this name').waitFor()
    await tellsNothing(['ws-hidden'])
  })

  test('hears live of their own device and of nothing else, and what comes in elsewhere changes no number', async () => {
    await page.goto('/actions/in-force')
    await page.getByRole('grid').getByText('/mine-held').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    await page.evaluate(`(() => {
      window.heard = []
      const stream = new EventSource('/v1/events')
      for (const type of ['action', 'device', 'alert', 'investigation', 'group', 'rollout'])
        stream.addEventListener(type + '.changed', (it) => window.heard.push(it.data))
      return new Promise((open) => stream.addEventListener('open', open))
    })()`)
    const target = (it: Side, path: string) => [{ devices: [it.device.id], params: it.device.plant(path, path) }]
    const foreign = await its.ask('quarantine-file', target(hidden, '/srv/foreign-live'))
    await its.ended(foreign)
    const mine = await its.ask('quarantine-file', target(own, '/srv/mine-live'))
    await its.ended(mine)
    // Events keep their order: when the later one is here, the earlier one would be.
    await until(async () =>
      (await page.evaluate<string[]>('window.heard')).some((it) => it.includes(mine[0]?.id ?? '')),
    )
    const heard = (await page.evaluate<string[]>('window.heard')).join('\n')
    expect([...secrets(), foreign[0]?.id ?? ''].filter((it) => heard.includes(it))).toEqual([])
    await page.getByRole('button', { name: '1 newer row. Show it' }).click()
    await page.getByRole('grid').getByText('/mine-live').waitFor()
    await page.getByRole('status').getByText('2 actions').waitFor()
    await tellsNothing()
  })

  test('what the role does not give is said in a sentence', async () => {
    for (const part of ['people', 'roles', 'clients', 'enrolment', 'notifications', 'forwarders']) {
      await page.goto(`/settings/${part}`)
      await page.getByText('You cannot see this').waitFor()
    }
    await page.goto(`/devices/${own.device.id}?respond=quarantine-file`)
    await page.getByRole('dialog', { name: 'Quarantine file on lin-own' }).waitFor()
    await tellsNothing()
  })
})
