import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Boxes, boxesOn, setFace, viewsOf } from './boxes.ts'
import { openBrowser } from './browser.ts'
import { playScene, type Scene } from './scene.ts'
import { startWorld, type World } from './world.ts'

// Why boxes, and not pictures compared dot by dot: the tests run on whatever chromium and fonts a Debian machine has, and the packages the
// tests install bring no font. Two honest machines differ in every letter, so a picture would fail for nothing, or need a tolerance that
// lets a broken page through. Where the parts of a page stand is decided by the style sheets alone; that is compared, in every face a
// machine has, so that numbers made on one hold on the next. The pictures in docs/pictures are for people; the same scene makes both:
// `npm run pictures`.

/** Rounding of both edges; anything that moves by more was moved. */
const tolerancePx = 2
const kept = JSON.parse(readFileSync(join(import.meta.dirname, 'boxes.json'), 'utf8')) as Readonly<
  Record<string, Boxes>
>

let world: World
let scene: Scene
beforeAll(async () => {
  world = await startWorld()
  scene = await playScene(world)
})
afterAll(() => world.close())

/** What is not where it was: `region edge: was → is`. */
const moved = (was: Boxes, is: Boxes): string[] => {
  const names = new Set([...Object.keys(was), ...Object.keys(is)])
  return [...names].flatMap((name) =>
    (['l', 't', 'r', 'b'] as const)
      .map((edge) => [edge, was[name]?.[edge] ?? Number.NaN, is[name]?.[edge] ?? Number.NaN] as const)
      .filter(([edge]) => was[name]?.[edge] !== undefined || is[name]?.[edge] !== undefined)
      .filter(([, before, now]) => !(Math.abs(before - now) <= tolerancePx))
      .map(([edge, before, now]) => `${name} ${edge}: ${before} → ${now}`),
  )
}

describe('[UI1] the parts of the key pages stand where they stood', () => {
  test('a part that moves by more than rounding, comes or goes, is named', () => {
    const was: Boxes = { list: { l: 10, b: 90 } }
    expect(moved(was, { list: { l: 12, b: 90 } })).toEqual([])
    expect(moved(was, { list: { l: 13, b: 90 } })).toEqual(['list l: 10 → 13'])
    expect(moved(was, {})).toEqual(['list l: 10 → NaN', 'list b: 90 → NaN'])
    expect(moved({}, was)).toHaveLength(2)
  })

  test('in both themes and in any face', async () => {
    expect(viewsOf(scene).map((it) => it.name)).toEqual(Object.keys(kept))
    const all: Record<string, string[]> = {}
    const browser = await openBrowser(world.url)
    const { page } = browser
    try {
      await browser.as(world.admin)
      for (const [at, view] of viewsOf(scene).entries()) {
        const { name, width, height, path, ready } = view
        await page.setViewportSize({ width, height })
        // Themes take turns; where things stand does not depend on them.
        await page.emulateMedia({ colorScheme: at % 2 === 0 ? 'light' : 'dark', reducedMotion: 'reduce' })
        await page.goto(path)
        await page.getByText(ready).first().waitFor()
        // Named twice, as browsers give a lone `monospace` another size, too.
        for (const face of ['own', 'serif', 'monospace, monospace']) {
          if (face !== 'own') await setFace(page, face)
          const found = moved(kept[name] ?? {}, await boxesOn(page, view))
          if (found.length > 0) all[`${name}, ${face}`] = found
        }
      }
    } finally {
      await browser.close()
    }
    expect(all).toEqual({})
  })
})
