import { afterAll, beforeAll, expect, test } from 'vitest'
import { seriousFindingsInThemes } from './axe.ts'
import { openBrowser } from './browser.ts'
import { playScene, type Scene } from './scene.ts'
import { startWorld, type World } from './world.ts'

let world: World
let scene: Scene

beforeAll(async () => {
  world = await startWorld()
  scene = await playScene(world)
})
afterAll(() => world.close())

type Look = readonly [name: string, path: string, ready: string]

/** What is looked at of each route of the dashboard, by its path in the router. */
const looks = (): Readonly<Record<string, readonly Look[]>> => ({
  '/': [['overview', '/', 'Needs you now']],
  '/actions/$view': [
    ['pending', '/actions/pending', 'Kill process'],
    ['history', '/actions/history', 'Refused by device'],
    ['in force', '/actions/in-force', 'Isolate device'],
    ['flyout', `/actions/history?action=${scene.rows.quarantined}`, 'The way back'],
    ['flyout of a pending one', `/actions/pending?action=${scene.rows.kill}`, 'Preview from the device'],
    ['nothing found', '/actions/history?q=there-is-none', 'Nothing fits these filters'],
  ],
  '/investigations': [['investigations', '/investigations', 'Unknown program beside sshd']],
  '/investigations/$id': [['investigation', `/investigations/${scene.rows.investigation}`, 'Take everything back']],
  '/alerts': [['alerts', '/alerts', 'Beacon to a known address']],
  '/vault': [['vault', '/vault', 'xmrig-6.21']],
  '/groups': [['groups', '/groups', 'Workstations']],
  '/devices': [['devices', '/devices', 'edge-riga-02']],
  '/devices/$id': [
    ['device', `/devices/${scene.devices[6]?.id}`, 'What can be done here'],
    ['form to respond', `/devices/${scene.devices[0]?.id}?respond=kill-process`, 'Why?'],
  ],
  '/audit': [['audit', '/audit', 'Verify in this browser']],
  // Each of its parts is looked at where the settings are.
  '/settings/$part': [['settings', '/settings/rules', 'Who decides']],
})
const nowhere: Look = ['no such page', '/nowhere', 'There is no such page']
const pages = (): readonly Look[] => [...Object.values(looks()).flat(), nowhere]

/** For whoever is not signed in. */
const doors: Readonly<Record<string, Look>> = {
  '/sign-in': ['sign-in', '/sign-in', 'Sign in'],
  '/setup': ['set-up', '/setup#a-secret', 'Create administrator'],
}
/** They only lead on. */
const detours = ['/actions', '/settings']

test('[UI1] every route of the router is looked at here; a new page without a look fails this', async () => {
  const browser = await openBrowser(world.url)
  try {
    await browser.page.goto('/sign-in')
    await browser.page.getByRole('button', { name: 'Sign in' }).waitFor()
    // The router leaves itself where its own tools look for it.
    const known = await browser.page.evaluate<string[]>('Object.keys(self.__TSR_ROUTER__.routesByPath)')
    expect(known.toSorted()).toEqual([...Object.keys(looks()), ...Object.keys(doors), ...detours].toSorted())
  } finally {
    await browser.close()
  }
})

test.each([
  ['at a desk', 1280, 800],
  ['on a phone', 360, 740],
])('[UI1] nobody is shut out %s: axe finds nothing serious on any page in either theme', async (_, width, height) => {
  const browser = await openBrowser(world.url, { width, height })
  const { page } = browser
  const all: Record<string, string[]> = {}
  const look = async (name: string) => {
    all[name] = await seriousFindingsInThemes(page)
    const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
    if (wide > width) all[name].push(`wider than the screen: ${wide}`)
  }
  try {
    for (const [name, path, ready] of Object.values(doors)) {
      await page.goto(path)
      await page.getByRole('button', { name: ready }).waitFor()
      await look(name)
    }
    await browser.as(world.admin)
    for (const [name, path, ready] of pages()) {
      await page.goto(path)
      await page.getByText(ready).first().waitFor()
      await look(name)
    }
    expect(Object.fromEntries(Object.entries(all).filter(([, found]) => found.length > 0))).toEqual({})
    expect(Object.keys(all)).toHaveLength(pages().length + Object.keys(doors).length)
    expect(browser.complaints.filter((it) => /content security policy|refused/i.test(it))).toEqual([])
  } finally {
    await browser.close()
  }
})
