import axe from 'axe-core'
import type { Page } from 'playwright-core'

interface Finding {
  readonly impact: string
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

const check = 'axe.run(document, { resultTypes: ["violations"] }).then((it) => JSON.stringify(it.violations))'

/** What axe finds on the page as it is now that shuts somebody out. */
export async function seriousFindings(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe.source)
  const found = JSON.parse(await page.evaluate<string>(check)) as Finding[]
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((it) => `${it.html} ${it.failureSummary}`).join(' | ')}`)
}

type Theme = 'light' | 'dark'
const themes: readonly Theme[] = ['light', 'dark']

/** The page takes the theme over while it is open. */
export async function wear(page: Page, theme: Theme): Promise<void> {
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
  await page.locator(`html[data-mantine-color-scheme=${theme}]`).waitFor()
}

/** What axe finds in each theme; every finding says in which. */
export async function seriousFindingsInThemes(page: Page): Promise<string[]> {
  const all: string[] = []
  for (const theme of themes) {
    await wear(page, theme)
    all.push(...(await seriousFindings(page)).map((it) => `${theme}: ${it}`))
  }
  return all
}
