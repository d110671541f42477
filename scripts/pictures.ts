// Makes anew, from a small fleet of simulated devices: the pictures of the dashboard in docs/pictures, for people, and the places of its
// parts in tests/dashboard/boxes.json, for the tests. `npm run pictures`.

import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Boxes, boxesOn, viewsOf } from '../tests/dashboard/boxes.ts'
import { type Browser, type Look, openBrowser } from '../tests/dashboard/browser.ts'
import { playScene } from '../tests/dashboard/scene.ts'
import { startWorld } from '../tests/dashboard/world.ts'

const folder = join(import.meta.dirname, '../docs/pictures')
const boxesFile = join(import.meta.dirname, '../tests/dashboard/boxes.json')
const desk = { width: 1120, height: 660 } as const
const small = { width: 920, height: 540 } as const
const phone = { width: 360, height: 720 } as const

const world = await startWorld()

const looking = async (look: Look, path: string, ready: string, work: (browser: Browser) => Promise<void>) => {
  const browser = await openBrowser(world.url, look)
  await browser.as(world.admin)
  await browser.page.goto(path)
  await browser.page.getByText(ready).first().waitFor()
  await work(browser)
  await browser.close()
}

try {
  const scene = await playScene(world)
  const { rows, devices } = scene
  const pictures: readonly (readonly [name: string, look: Look, path: string, ready: string])[] = [
    ['overview', desk, '/', 'Needs you now'],
    [
      'action',
      { width: 800, height: 600, scheme: 'dark' },
      `/actions/history?action=${rows.quarantined}`,
      'Last proved to be in force',
    ],
    ['investigation', desk, `/investigations/${rows.investigation}`, 'Take everything back'],
    ['device', { ...small, scheme: 'dark' }, `/devices/${devices[6]?.id}`, 'is isolated.'],
    ['phone', phone, '/actions/pending', 'Kill process'],
  ]
  for (const [name, look, path, ready] of pictures) {
    await looking(look, path, ready, async ({ page }) => {
      // Charts and counts come in after the words.
      await page.waitForTimeout(1_000)
      const file = join(folder, `dashboard-${name}.png`)
      await page.screenshot({ path: file })
      process.stdout.write(`${file}  ${Math.round(statSync(file).size / 1024)} KiB\n`)
    })
  }
  const boxes: Record<string, Boxes> = {}
  for (const view of viewsOf(scene)) {
    await looking(view, view.path, view.ready, async ({ page }) => {
      boxes[view.name] = await boxesOn(page, view)
    })
  }
  writeFileSync(boxesFile, `${JSON.stringify(boxes, null, 2)}\n`)
  process.stdout.write(`${boxesFile}\n`)
} finally {
  await world.close()
}
process.exit(0)
