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
  await page.evaluate(axe.source)
  const found = JSON.parse(await page.evaluate<string>(check)) as Finding[]
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((it) => `${it.html} ${it.failureSummary}`).join(' | ')}`)
}
