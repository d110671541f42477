import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { newId } from '../protocol/ids.ts'
import { dashboardFolder } from '../scripts/build-dashboard.ts'
import { systemSource } from '../server/source.ts'
import { openBrowser } from '../tests/dashboard/browser.ts'
import { startWorld, until, type World } from '../tests/dashboard/world.ts'
import type { BenchRow, Measured } from './row.ts'

const longList = 100_000
const patienceMs = 120_000

/** The floor of a load and of an answer to a key is the figure it must stay under; that of scrolling is what the browser can at most. */
const beside = (value: number, floor: number): Measured => ({ value, floor, ratio: value / floor })

interface FirstLoad {
  readonly kilobytes: number
  readonly usableMs: number
  /** The same browser, server and moment: a page with nothing on it, until it answers a key. What a busy machine takes by itself. */
  readonly emptyMs: number
}

/** What the first page needs, as a browser asks for it: bytes over the wire, and milliseconds from an empty cache to a list that answers keys. */
async function firstLoad(): Promise<FirstLoad> {
  const world = await startWorld()
  try {
    await fill(world, 500)
    const browser = await openBrowser(world.url)
    try {
      await browser.as(world.admin)
      let bytes = 0
      browser.page.on('response', async (response) => {
        const path = new URL(response.url()).pathname
        const file = join(dashboardFolder, `${path}.gz`)
        if (path.startsWith('/assets/') && globSync(file).length > 0) bytes += statSync(file).size
      })
      const empty = performance.now()
      await browser.page.goto('/favicon.svg')
      await browser.page.keyboard.press('j')
      await browser.page.evaluate('new Promise((resolve) => requestAnimationFrame(() => resolve(1)))')
      const emptyMs = performance.now() - empty
      await browser.page.addInitScript(whenUsable)
      await browser.page.goto('/actions/history', { waitUntil: 'commit' })
      const usableMs = await browser.page.evaluate<number>('window.usable')
      await wait(1_000)
      return { kilobytes: bytes / 1024, usableMs, emptyMs }
    } finally {
      await browser.close()
    }
  } finally {
    await world.close()
  }
}

/**
 * Looks at each frame, in the page itself, until the list is there and answers a key; milliseconds since the address was entered. Who asks
 * from outside asks twice a second in the end, and would measure that.
 */
const whenUsable = `window.usable = new Promise((resolve) => {
  const look = () => {
    if (document.querySelector('[role=row][data-active]') !== null) return resolve(performance.now())
    if (document.querySelector('[role=row][id]') !== null)
      window.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }))
    requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
})`

/** Frames a second while a hundred thousand loaded rows scroll, and in the same browser on a page with nothing on it. */
async function scrolling(progress: (what: string) => void): Promise<Measured> {
  const world = await startWorld()
  try {
    await fill(world, longList)
    const browser = await openBrowser(world.url)
    try {
      const { page } = browser
      await browser.as(world.admin)
      await page.goto('about:blank')
      const floor = await framesPerSecond(page, null)
      // A store that has just been given this many rows from outside is busy taking them in.
      await page.goto('/actions/history?window=six-months', { waitUntil: 'commit', timeout: patienceMs })
      await page.locator('[role=row][id]').first().waitFor({ timeout: patienceMs })
      for (let rows = 0; rows < longList; ) {
        rows = await page.evaluate<number>(
          '(() => { const it = document.querySelector("[role=grid]"); it.scrollTop = it.scrollHeight; return Number(it.getAttribute("aria-rowcount")) < 0 ? Math.round(it.scrollHeight / 40) : 1e9 })()',
        )
        progress(`${Math.min(rows, longList)} rows`)
        await wait(30)
      }
      return beside(await framesPerSecond(page, '[role=grid]'), floor)
    } finally {
      await browser.close()
    }
  } finally {
    await world.close()
  }
}

/** Longest time from a key to the next frame, in milliseconds, while a thousand actions a second change. */
async function inputUnderEvents(say: (progress: string) => void): Promise<Measured> {
  const world = await startWorld()
  try {
    await fill(world, 2_000)
    const browser = await openBrowser(world.url)
    try {
      const { page } = browser
      await browser.as(world.admin)
      await page.goto('/favicon.svg')
      let idle = 0
      for (let press = 0; press < 40; press++) idle = Math.max(idle, await page.evaluate<number>(keyToFrame))
      say(`an empty page answers a key within ${Math.round(idle)} ms`)
      await page.goto('/actions/history')
      await page.locator('[role=row][id]').first().waitFor()
      const ids = await page.evaluate<string>(
        '[...document.querySelectorAll("[role=row][id]")].map((it) => it.id.slice(4)).join(" ")',
      )
      const began = performance.now()
      let done = false
      const events = (async () => {
        const database = new DatabaseSync(databaseOf(world))
        database.exec('PRAGMA busy_timeout = 5000')
        const add = database.prepare(
          "INSERT INTO event (id, at, type, body) SELECT COALESCE(MAX(id), 0) + 1, ?, 'action.changed', ? FROM event",
        )
        const all = ids.split(' ')
        for (let sent = 0; sent < 10_000; ) {
          database.exec('BEGIN IMMEDIATE')
          for (let at = 0; at < 100; at++, sent++) {
            const body = {
              id: all[sent % all.length],
              status: 'succeeded',
              effect: sent % 2 === 0 ? 'in-force' : 'unknown',
            }
            add.run(Date.now(), JSON.stringify(body))
          }
          database.exec('COMMIT')
          // The server looks for events after each write of its own.
          await world.admin.call('PATCH', '/v1/settings', { historyDays: 180 })
          await wait(Math.max(0, began + sent - performance.now()))
        }
        database.close()
        done = true
      })()
      let slowest = 0
      while (!done) {
        slowest = Math.max(slowest, await page.evaluate<number>(keyToFrame))
        await wait(50)
      }
      await events
      return beside(slowest, 100)
    } finally {
      await browser.close()
    }
  } finally {
    await world.close()
  }
}

const keyToFrame = `new Promise((resolve) => {
  const began = performance.now()
  window.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }))
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - began)))
})`

/** Counts frames for four seconds while the element scrolls down and up, five rows to a frame. */
const framesPerSecond = (page: Page, selector: string | null): Promise<number> =>
  page.evaluate<number>(`new Promise((resolve) => {
    const element = ${selector === null ? 'null' : `document.querySelector(${JSON.stringify(selector)})`}
    const began = performance.now()
    let frames = 0
    let by = 200
    const step = () => {
      frames++
      if (element !== null) {
        if (element.scrollTop <= 0) by = 200
        if (element.scrollTop + element.clientHeight >= element.scrollHeight - 1) by = -200
        element.scrollTop += by
      }
      const past = performance.now() - began
      if (past < 4000) requestAnimationFrame(step)
      else resolve(frames / (past / 1000))
    }
    requestAnimationFrame(step)
  })`)

const databaseOf = (world: World): string => join(world.folder, 'server', 'recourse.db')

/** So many ended actions, made from one real one. */
async function fill(world: World, count: number): Promise<void> {
  const device = await world.device({ name: 'lin-01' })
  const params = device.plant('/tmp/one', 'bad')
  const wish = {
    action: 'quarantine-file',
    targets: [{ devices: [device.id], params }],
    comment: 'the first of many',
    approve: true,
  }
  const { actions } = await world.admin.call<{ actions: { id: string }[] }>('POST', '/v1/actions', wish)
  const id = actions[0]?.id ?? ''
  await until(
    async () => (await world.admin.call<{ effect: string }>('GET', `/v1/actions/${id}`)).effect === 'in-force',
  )
  await world.stop()
  const database = new DatabaseSync(databaseOf(world))
  const row = database.prepare('SELECT * FROM action WHERE id = ?').get(id) as Record<
    string,
    null | number | string | Uint8Array
  >
  const columns = Object.keys(row)
  const insert = database.prepare(
    `INSERT INTO action (${columns.map((it) => `"${it}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  )
  const now = Date.now()
  database.exec('BEGIN')
  for (let at = 1; at < count; at++) {
    const label = `/var/tmp/found/${at % 97}/sample-${at}`
    const made = {
      ...row,
      id: newId<string>(systemSource),
      created_at: now - at * 1_000,
      target_key: label,
      target_label: label,
      effect: at % 3 === 0 ? 'in-force' : 'reverted',
    }
    insert.run(...columns.map((it) => (made as typeof row)[it] ?? null))
  }
  database.exec('COMMIT')
  database.close()
  await world.start()
}

let loaded: Promise<FirstLoad> | null = null
const loadOnce = () => {
  loaded ??= firstLoad()
  return loaded
}

export const dashboardRows: readonly BenchRow[] = [
  {
    name: 'dashboard first load',
    unit: 'KiB gzip',
    goal: 1,
    better: 'less',
    measure: async () => beside((await loadOnce()).kilobytes, 300),
  },
  {
    name: 'dashboard usable, cold',
    unit: 'ms',
    goal: 1,
    better: 'less',
    measure: async (say) => {
      const { usableMs, emptyMs } = await loadOnce()
      say(`${Math.round(usableMs)} ms, where an empty page takes ${Math.round(emptyMs)} ms`)
      return beside(usableMs, 1_000)
    },
  },
  { name: 'dashboard scroll, 100000 rows', unit: 'frames/s', goal: 0.95, better: 'more', measure: scrolling },
  { name: 'dashboard key to frame, 1000 events/s', unit: 'ms', goal: 1, better: 'less', measure: inputUnderEvents },
]
