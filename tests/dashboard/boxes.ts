import type { Page } from 'playwright-core'
import type { Scene } from './scene.ts'

/** Edges of a box that are looked at: left, top, right, bottom; in CSS pixels from the corner of the window. */
type Edge = 'l' | 't' | 'r' | 'b'
const edges: readonly Edge[] = ['l', 't', 'r', 'b']

/** A named part of a page: how to find it, and which of its edges the layout decides, whatever fonts there are. */
type Region = readonly [selector: string, edges: string]

/** A page at one size, and what stands where on it. */
export interface View {
  readonly name: string
  readonly width: number
  readonly height: number
  readonly path: string
  /** There when the page is. */
  readonly ready: string
  readonly regions: Readonly<Record<string, Region>>
}

const frame = {
  navigation: ['nav[aria-label=Main]', 'ltrb'],
  page: ['#main', 'ltrb'],
  title: ['#main h1', 'lt'],
} as const
const list = {
  ...frame,
  search: ['#main input[type=search]', 'l'],
  list: ['[role=grid]', 'lrb'],
  'first row': ['[role=grid] [role=rowgroup] [role=row]', 'l'],
} as const
const desk = { width: 1280, height: 800 } as const
const phone = { width: 360, height: 720 } as const

/** The key pages, few and telling: the frame, the three ways a page is laid out, the flyout, and both ends of the range of widths. */
export const viewsOf = ({ rows, devices }: Scene): readonly View[] => [
  {
    name: 'overview',
    ...desk,
    path: '/',
    ready: 'Needs you now',
    regions: {
      ...frame,
      'what needs you': ['#main section:nth-of-type(1)', 'lr'],
      'decisions per day': ['#main section:nth-of-type(2)', 'lr'],
      'how it went': ['#main section:nth-of-type(3)', 'lr'],
    },
  },
  { name: 'pending', ...desk, path: '/actions/pending', ready: 'Kill process', regions: list },
  {
    name: 'flyout',
    ...desk,
    path: `/actions/history?action=${rows.quarantined}`,
    ready: 'Last proved to be in force',
    regions: { ...list, flyout: ['[role=dialog]', 'ltrb'] },
  },
  {
    name: 'device',
    ...desk,
    path: `/devices/${devices[6]?.id}`,
    ready: 'is isolated.',
    regions: {
      ...frame,
      banner: ['[aria-label=Isolation]', 'lr'],
      'in force': ['#main section:has(> h2)', 'lr'],
    },
  },
  { name: 'settings', ...desk, path: '/settings/rules', ready: 'Who decides', regions: frame },
  { name: 'phone', ...phone, path: '/actions/pending', ready: 'Kill process', regions: list },
  { name: 'wide', width: 2560, height: 1200, path: '/devices', ready: 'edge-riga-02', regions: list },
]

export type Boxes = Readonly<Record<string, Partial<Record<Edge, number>>>>

const boxOf = `(selector) => {
  const { left: l, top: t, right: r, bottom: b } = document.querySelector(selector).getBoundingClientRect()
  return { l, t, r, b }
}`

/** Measures the regions of a view on the page as it is. Throws when one of them is not there. */
export async function boxesOn(page: Page, { regions }: View): Promise<Boxes> {
  const boxes: Record<string, Partial<Record<Edge, number>>> = {}
  for (const [name, [selector, wanted]] of Object.entries(regions)) {
    const box = await page.evaluate<Record<Edge, number>>(`(${boxOf})(${JSON.stringify(selector)})`)
    boxes[name] = Object.fromEntries(edges.filter((it) => wanted.includes(it)).map((it) => [it, Math.round(box[it])]))
  }
  return boxes
}

/** Sets every word of the page in another face: what the machine has under that name. */
export const setFace = (page: Page, face: string): Promise<void> =>
  // A sheet made by a script is no inline style: the content security policy stays as it is.
  page.evaluate<void>(`(() => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync('* { font-family: ${face} !important }')
    document.adoptedStyleSheets = [sheet]
  })()`)
