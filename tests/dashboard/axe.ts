import axe from 'axe-core'
import type { Page } from 'playwright-core'

interface Finding {
  readonly impact: string
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

/** What axe finds on the page as it is now that shuts somebody out; where rules are named, by those alone. */
export async function seriousFindings(page: Page, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe.source)
  const options = { resultTypes: ['violations'], ...(rules === undefined ? {} : { runOnly: rules }) }
  const check = `axe.run(document, ${JSON.stringify(options)}).then((it) => JSON.stringify(it.violations))`
  const found = JSON.parse(await page.evaluate<string>(check)) as Finding[]
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((it) => `${it.html} ${it.failureSummary}`).join(' | ')}`)
}

/** The page takes the theme over while it is open. */
export async function wear(page: Page, theme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
  await page.locator(`html[data-mantine-color-scheme=${theme}]`).waitFor()
}

/** Those about colours that axe asks for by itself. */
const colourRules = ['color-contrast', 'link-in-text-block']

/** What axe finds in either theme; every finding says in which. All that can differ between them is colours. */
export async function seriousFindingsInThemes(page: Page): Promise<string[]> {
  await wear(page, 'light')
  const light = await seriousFindings(page)
  await wear(page, 'dark')
  const dark = await seriousFindings(page, colourRules)
  return [...light.map((it) => `light: ${it}`), ...dark.map((it) => `dark: ${it}`)]
}
