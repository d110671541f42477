import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { chromiumPath } from '../../scripts/lanes.ts'
import type { Operator } from './world.ts'

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface Look {
  readonly width?: number
  readonly height?: number
  readonly scheme?: 'light' | 'dark'
}

/** A browser of its own, with nothing in it: no profile, no cache, no cookies. */
export interface Browser {
  readonly page: Page
  readonly context: BrowserContext
  /** What the page complained about: errors in the console and violations of the content security policy. */
  readonly complaints: string[]
  as(operator: Operator): Promise<void>
  close(): Promise<void>
}

export async function openBrowser(
  url: string,
  { width = 1280, height = 800, scheme = 'light' }: Look = {},
): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-browser-'))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: chromiumPath,
    args: flags,
    baseURL: url,
    viewport: { width, height },
    colorScheme: scheme,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(10_000)
  const page = context.pages()[0] ?? (await context.newPage())
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  return {
    page,
    context,
    complaints,
    as: async ({ cookie }) => {
      const [name = '', value = ''] = cookie.split('=', 2)
      await context.addCookies([{ name, value, url, sameSite: 'Strict', httpOnly: true }])
    },
    close: async () => {
      await context.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
