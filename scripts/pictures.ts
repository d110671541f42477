// Makes the pictures of the dashboard in docs/pictures anew, from a small fleet of simulated devices: `tsx scripts/pictures.ts`.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Look, openBrowser } from '../tests/dashboard/browser.ts'
import { playScene } from '../tests/dashboard/scene.ts'
import { startWorld } from '../tests/dashboard/world.ts'

const folder = join(import.meta.dirname, '../docs/pictures')
const desk = { width: 1120, height: 700 } as const
const small = { width: 980, height: 560 } as const
const phone = { width: 360, height: 720 } as const

const world = await startWorld()
try {
  const { rows, devices } = await playScene(world)
  const pictures: readonly (readonly [name: string, look: Look, path: string, ready: string])[] = [
    ['overview', desk, '/', 'Needs you now'],
    [
      'action',
      { ...small, scheme: 'dark' },
      `/actions/history?action=${rows.quarantined}`,
      'Last proved to be in force',
    ],
    ['investigation', desk, `/investigations/${rows.investigation}`, 'Take everything back'],
    ['device', { ...desk, scheme: 'dark' }, `/devices/${devices[6]?.id}`, 'is isolated.'],
    ['phone', phone, '/actions/pending', 'Kill process'],
  ]
  for (const [name, look, path, ready] of pictures) {
    const browser = await openBrowser(world.url, look)
    await browser.as(world.admin)
    await browser.page.goto(path)
    await browser.page.getByText(ready).first().waitFor()
    await browser.page.waitForTimeout(500)
    const file = join(folder, `dashboard-${name}.png`)
    await browser.page.screenshot({ path: file })
    process.stdout.write(`${file}  ${Math.round(statSync(file).size / 1024)} KiB\n`)
    await browser.close()
  }
} finally {
  await world.close()
}
process.exit(0)
