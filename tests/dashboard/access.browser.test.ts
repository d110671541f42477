import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seriousFindings } from './axe.ts'
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

const pages = (): readonly (readonly [name: string, path: string, ready: string])[] => [
  ['overview', '/', 'Needs you now'],
  ['pending', '/actions/pending', 'Kill process'],
  ['history', '/actions/history', 'Refused by device'],
  ['in force', '/actions/in-force', 'Isolate device'],
  ['flyout', `/actions/history?action=${scene.rows.quarantined}`, 'The way back'],
  ['flyout of a pending one', `/actions/pending?action=${scene.rows.kill}`, 'Preview from the device'],
  ['investigations', '/investigations', 'Unknown program beside sshd'],
  ['investigation', `/investigations/${scene.rows.investigation}`, 'Take everything back'],
  ['alerts', '/alerts', 'Beacon to a known address'],
  ['groups', '/groups', 'Workstations'],
  ['devices', '/devices', 'edge-riga-02'],
  ['device', `/devices/${scene.devices[6]?.id}`, 'What can be done here'],
  ['form to respond', `/devices/${scene.devices[0]?.id}?respond=kill-process`, 'Why?'],
  ['audit', '/audit', 'Verify in this browser'],
  ['settings: you', '/settings/you', 'Sessions'],
  ['settings: tokens', '/settings/tokens', 'New token'],
  ['settings: people', '/settings/people', 'Add somebody'],
  ['settings: enrolment', '/settings/enrolment', 'Enrol devices'],
  ['settings: rules', '/settings/rules', 'Who decides'],
  ['nothing found', '/actions/history?q=there-is-none', 'Nothing fits these filters'],
  ['no such page', '/nowhere', 'There is no such page'],
]

describe.each(['light', 'dark'] as const)('[UI1] in the %s theme', (scheme) => {
  test('nobody is shut out: axe finds nothing serious on any page', async () => {
    const browser = await openBrowser(world.url, { scheme })
    try {
      await browser.page.goto('/sign-in')
      await browser.page.getByRole('button', { name: 'Sign in' }).waitFor()
      const all: Record<string, string[]> = { 'sign-in': await seriousFindings(browser.page) }
      await browser.as(world.admin)
      for (const [name, path, ready] of pages()) {
        await browser.page.goto(path)
        await browser.page.getByText(ready).first().waitFor()
        all[name] = await seriousFindings(browser.page)
      }
      expect(Object.fromEntries(Object.entries(all).filter(([, found]) => found.length > 0))).toEqual({})
      expect(Object.keys(all)).toHaveLength(pages().length + 1)
      expect(browser.complaints.filter((it) => /content security policy|refused/i.test(it))).toEqual([])
    } finally {
      await browser.close()
    }
  })

  test('and none on a phone', async () => {
    const browser = await openBrowser(world.url, { scheme, width: 360, height: 740 })
    try {
      await browser.as(world.admin)
      const all: Record<string, string[]> = {}
      for (const [name, path, ready] of pages()) {
        await browser.page.goto(path)
        await browser.page.getByText(ready).first().waitFor()
        all[name] = await seriousFindings(browser.page)
        const wide = await browser.page.evaluate<number>('document.documentElement.scrollWidth')
        if (wide > 360) all[name]?.push(`wider than the screen: ${wide}`)
      }
      expect(Object.fromEntries(Object.entries(all).filter(([, found]) => found.length > 0))).toEqual({})
    } finally {
      await browser.close()
    }
  })
})
