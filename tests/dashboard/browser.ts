import { type BrowserContext, type Browser as Chromium, chromium, type Page } from 'playwright-core'
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

let running: Promise<Chromium> | null = null

/** Ends the program that all browsers of this process live in, if there is one. */
export async function closeBrowsers(): Promise<void> {
  const ended = running
  running = null
  await (await ended)?.close()
}

export async function openBrowser(
  url: string,
  { width = 1280, height = 800, scheme = 'light' }: Look = {},
): Promise<Browser> {
  // One program for all, as starting it takes longer than most tests; what each keeps is its own, and gone with it.
  running ??= chromium.launch({ executablePath: chromiumPath, args: flags })
  const context = await (await running).newContext({
    baseURL: url,
    viewport: { width, height },
    colorScheme: scheme,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
  })
  // Only to end what hangs.
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
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
    close: () => context.close(),
  }
}
