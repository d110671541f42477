import { useSyncExternalStore } from 'react'

/**
 * The stream of changes. INVARIANTS
 * - One stream per page. It resumes behind the last event that was taken, so a restart of the server or a lost line loses nothing;
 *   when the server no longer has the gap, listeners hear `reset` and read everything anew.
 * - Listeners hear events in batches, at most five times a second, however many come.
 */

export type LinkState = 'connecting' | 'live' | 'lost' | 'ended'

export interface LiveChange {
  readonly id: number
  readonly type: string
  readonly body: { readonly [key: string]: unknown }
}

type Listener = (changes: readonly LiveChange[], reset: boolean) => void

const flushEveryMs = 200
const longestWaitMs = 15_000
/** A line that hiccups for less than this is not worth a word on the screen. */
const graceMs = 1_500

const listeners = new Set<Listener>()
const watchers = new Set<() => void>()
let state: LinkState = 'connecting'
let lostSince: number | null = null
let source: EventSource | null = null
let lastId = 0
let waitMs = 500
let retry: number | undefined
let grace: number | undefined
let pending: LiveChange[] = []
let flushing: number | undefined
let started = false

const set = (next: LinkState) => {
  if (next === state) return
  state = next
  lostSince = next === 'lost' ? Date.now() : null
  for (const watcher of watchers) watcher()
}

const flush = () => {
  flushing = undefined
  const changes = pending
  pending = []
  for (const listener of listeners) listener(changes, false)
}

const take = (event: MessageEvent<string>) => {
  const id = Number(event.lastEventId)
  if (Number.isFinite(id) && id > 0) lastId = id
  let body: unknown
  try {
    body = JSON.parse(event.data)
  } catch {
    return
  }
  if (typeof body !== 'object' || body === null) return
  pending.push({ id, type: event.type, body: body as LiveChange['body'] })
  flushing ??= window.setTimeout(flush, flushEveryMs)
}

const reset = () => {
  pending = []
  for (const listener of listeners) listener([], true)
}

const eventTypes = [
  'action.changed',
  'device.changed',
  'setting.changed',
  'alert.changed',
  'investigation.changed',
  'group.changed',
  'rollout.changed',
] as const

const open = () => {
  window.clearTimeout(retry)
  source?.close()
  const next = new EventSource(lastId > 0 ? `/v1/events?after=${lastId}` : '/v1/events')
  source = next
  next.addEventListener('open', () => {
    window.clearTimeout(grace)
    grace = undefined
    // What happened while the line was down and was not replayed is only seen by reading again.
    if (state === 'lost') reset()
    waitMs = 500
    set('live')
  })
  for (const type of eventTypes) next.addEventListener(type, take)
  next.addEventListener('reset', reset)
  next.addEventListener('error', () => {
    grace ??= window.setTimeout(() => set('lost'), graceMs)
    if (next.readyState !== EventSource.CLOSED || next !== source) return
    retry = window.setTimeout(() => void reopen(), waitMs * (0.75 + Math.random() / 2))
    waitMs = Math.min(waitMs * 2, longestWaitMs)
  })
}

/** A stream that the server refused does not say why; whether anybody is still signed in does. */
async function reopen(): Promise<void> {
  try {
    const answer = await fetch('/v1/me', { headers: { accept: 'application/json' } })
    if (answer.status === 401) {
      stopLive()
      const here = window.location.pathname + window.location.search
      window.location.assign(`/sign-in?to=${encodeURIComponent(here)}`)
      return
    }
  } catch {
    // No answer at all: the next try will tell.
  }
  if (started) open()
}

/** Opens the stream; once per page, after somebody has signed in. */
export function startLive(): void {
  if (started) return
  started = true
  open()
  window.addEventListener('online', open)
}

/** Closes the stream when the session ends. */
export function stopLive(): void {
  if (!started) return
  started = false
  window.removeEventListener('online', open)
  window.clearTimeout(retry)
  source?.close()
  source = null
  set('ended')
}

export function onChanges(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

const watch = (watcher: () => void) => {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}

export const useLinkState = (): LinkState => useSyncExternalStore(watch, () => state)
/** Since when the line is down, or null. */
export const useLostSince = (): number | null => useSyncExternalStore(watch, () => lostSince)
