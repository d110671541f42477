import { useEffect, useRef, useSyncExternalStore } from 'react'

/** One key, or two in a row such as `g d`, and what it does in words for the list that `?` shows. */
export interface Shortcut {
  readonly keys: string
  readonly label: string
  readonly group: string
  run(event: KeyboardEvent): void
}

type Layer = { current: readonly Shortcut[] }

const layers: Layer[] = []
const watchers = new Set<() => void>()
let shown: readonly Shortcut[] = []
let first: { key: string; at: number } | null = null
const sequenceMs = 1_200

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
  !(target instanceof HTMLInputElement && /^(checkbox|radio|button)$/.test(target.type))

const nameOf = (event: KeyboardEvent): string => (event.key === ' ' ? 'Space' : event.key)

const find = (keys: string): Shortcut | undefined =>
  layers
    .toReversed()
    .flatMap((layer) => layer.current)
    .find((it) => it.keys === keys)

/** Enter and Space belong to the button or link that has the focus. */
const presses = ({ key, target }: KeyboardEvent): boolean =>
  (key === 'Enter' || key === ' ') && target instanceof Element && target.closest('button, a, summary, input') !== null

const onKey = (event: KeyboardEvent) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
  if (presses(event)) return
  // An open dialog has the keys to itself.
  if (document.querySelector('[role="dialog"][aria-modal="true"]:not([data-shortcuts="on"])') !== null) return
  const key = nameOf(event)
  const pair = first !== null && event.timeStamp - first.at < sequenceMs ? find(`${first.key} ${key}`) : undefined
  const chosen = pair ?? find(key)
  first = { key, at: event.timeStamp }
  if (chosen === undefined) return
  event.preventDefault()
  first = null
  chosen.run(event)
}

const announce = () => {
  shown = layers.flatMap((layer) => layer.current)
  for (const watcher of watchers) watcher()
}

const watch = (watcher: () => void) => {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}

/** Shortcuts that hold while the component is on the screen; what is mounted later wins. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  const layer = useRef(shortcuts)
  layer.current = shortcuts
  useEffect(() => {
    if (layers.length === 0) window.addEventListener('keydown', onKey)
    layers.push(layer)
    announce()
    return () => {
      layers.splice(layers.indexOf(layer), 1)
      if (layers.length === 0) window.removeEventListener('keydown', onKey)
      announce()
    }
  }, [])
}

/** Everything that holds now, for the list. */
export const useShownShortcuts = (): readonly Shortcut[] => useSyncExternalStore(watch, () => shown)
