import { useSyncExternalStore } from 'react'
import { get, send } from '../app/api.ts'
import { Problem } from '../app/problem.ts'

/**
 * How a person wants to see things, the same in every browser of theirs.
 *
 * INVARIANTS
 * - What was chosen holds at once and is kept in this browser; it goes to the server as soon as that can be reached.
 * - A change is one choice, not the whole document: two browsers that choose different things both keep theirs, and of one thing the
 *   later word holds.
 * - The copy in this browser belongs to one person and is dropped when somebody else signs in.
 */

export type Density = 'comfortable' | 'compact'

/** What somebody made of a table. Columns it does not name stand where the table has them. */
export interface TableChoice {
  readonly order: readonly string[]
  readonly hidden: readonly string[]
  readonly widths: Readonly<Record<string, number>>
  readonly sort: { readonly column: string; readonly descending: boolean } | null
}

export interface SavedView {
  readonly name: string
  readonly search: Readonly<Record<string, string>>
}

interface Preferences {
  readonly density: Density
  readonly tables: Readonly<Record<string, TableChoice>>
  readonly views: Readonly<Record<string, readonly SavedView[]>>
}

interface Kept {
  readonly revision: number
  readonly preferences: Preferences
}

/** One choice that the server has not taken yet; null takes a choice back. */
type Change =
  | { readonly of: 'density'; readonly value: Density }
  | { readonly of: 'table'; readonly name: string; readonly value: TableChoice | null }
  | { readonly of: 'views'; readonly name: string; readonly value: readonly SavedView[] }

const path = '/v1/me/preferences'
const storageKey = 'recourse.preferences'
const restMs = 600
const retryMs = 15_000
const nothing: Kept = { revision: 0, preferences: { density: 'comfortable', tables: {}, views: {} } }

let person: string | null = null
let known: Kept = nothing
let open: readonly Change[] = []
let current: Preferences = nothing.preferences
let early: Promise<Kept> | null = null
let timer: number | undefined
let saving = false
const watchers = new Set<() => void>()

/** Asks for them before it is known who is signed in, so that nothing waits for one answer after another. */
export function askEarly(): void {
  early = get<Kept>(path)
  early.catch(() => undefined)
}

/** Makes them those of this person. Waits for the server only where this browser has no copy of theirs. */
export async function adoptPreferences(id: string): Promise<void> {
  if (person === id) return
  person = id
  const copy = readCopy(id)
  known = copy?.known ?? nothing
  open = copy?.open ?? []
  tell()
  const answer = refresh(early)
  early = null
  if (copy === null) await answer
}

/** Leaves nothing behind for the next person at this browser. */
export function forgetPreferences(): void {
  person = null
  window.clearTimeout(timer)
  try {
    localStorage.removeItem(storageKey)
  } catch {
    // Storage is forbidden, so nothing was kept there.
  }
}

const subscribe = (watcher: () => void) => {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}

const usePreferences = <T>(choose: (of: Preferences) => T): T => useSyncExternalStore(subscribe, () => choose(current))

export const useDensity = (): Density => usePreferences((it) => it.density)
export const useTableChoice = (name: string): TableChoice | undefined => usePreferences((it) => it.tables[name])
export const useSavedViews = (name: string): readonly SavedView[] => usePreferences((it) => it.views[name]) ?? none
const none: readonly SavedView[] = []

export const setDensity = (value: Density): void => change({ of: 'density', value })
export const setTableChoice = (name: string, value: TableChoice | null): void => change({ of: 'table', name, value })
export const setSavedViews = (name: string, value: readonly SavedView[]): void => change({ of: 'views', name, value })

function change(one: Change): void {
  open = [...open.filter((it) => subjectOf(it) !== subjectOf(one)), one]
  tell()
  save(restMs)
}

const subjectOf = (it: Change): string => (it.of === 'density' ? it.of : `${it.of} ${it.name}`)

function apply(to: Preferences, changes: readonly Change[]): Preferences {
  return changes.reduce((before, it): Preferences => {
    switch (it.of) {
      case 'density':
        return { ...before, density: it.value }
      case 'table': {
        const { [it.name]: _, ...others } = before.tables
        return { ...before, tables: it.value === null ? others : { ...others, [it.name]: it.value } }
      }
      case 'views': {
        const { [it.name]: _, ...others } = before.views
        return { ...before, views: it.value.length === 0 ? others : { ...others, [it.name]: it.value } }
      }
    }
  }, to)
}

function tell(): void {
  current = apply(known.preferences, open)
  try {
    if (person !== null) localStorage.setItem(storageKey, JSON.stringify({ person, known, open }))
  } catch {
    // Storage is full or forbidden: the server keeps them all the same.
  }
  for (const watcher of watchers) watcher()
}

/** Takes the newest from the server; offline, the copy holds. */
async function refresh(asked: Promise<Kept> | null): Promise<void> {
  const whose = person
  try {
    // Asked before somebody signed in, the answer was a refusal: then it is asked again.
    const answer = await (asked ?? get<Kept>(path)).catch((error: unknown) => {
      if (asked === null) throw error
      return get<Kept>(path)
    })
    if (person !== whose) return
    known = answer
    tell()
    if (open.length > 0) save(0)
  } catch {
    if (open.length > 0) save(retryMs)
  }
}

function save(afterMs: number): void {
  window.clearTimeout(timer)
  timer = window.setTimeout(() => void put(), afterMs)
}

async function put(): Promise<void> {
  if (saving || person === null || open.length === 0) return
  saving = true
  const sent = open
  try {
    known = await send<Kept>('PUT', path, { revision: known.revision, preferences: apply(known.preferences, sent) })
    open = open.filter((it) => !sent.includes(it))
    tell()
    if (open.length > 0) save(0)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.code === 'content_changed') void refresh(null)
    else if (error.code === 'offline' || error.code === 'starting' || error.code === 'flooded') save(retryMs)
    // Anything else will not be taken however often it is sent: it holds in this browser until it is chosen anew.
  } finally {
    saving = false
  }
}

window.addEventListener('online', () => {
  if (open.length > 0) save(0)
})

interface Copy {
  readonly person: string
  readonly known: Kept
  readonly open: readonly Change[]
}

const isCopy = (value: unknown): value is Copy =>
  typeof value === 'object' &&
  value !== null &&
  'person' in value &&
  'known' in value &&
  'open' in value &&
  Array.isArray(value.open) &&
  typeof value.known === 'object' &&
  value.known !== null &&
  'preferences' in value.known &&
  typeof value.known.preferences === 'object'

function readCopy(id: string): Copy | null {
  try {
    const copy: unknown = JSON.parse(localStorage.getItem(storageKey) ?? 'null')
    return isCopy(copy) && copy.person === id ? copy : null
  } catch {
    return null
  }
}
