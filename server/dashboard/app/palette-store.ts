import { useSyncExternalStore } from 'react'

let wanted = 0
const watchers = new Set<() => void>()

/** Opens or closes the command palette from anywhere. It is loaded when it is first asked for. */
export const togglePalette = (): void => {
  wanted++
  for (const watcher of watchers) watcher()
}

const watch = (watcher: () => void) => {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}

/** How often it was asked for; 0 as long as nobody did. */
export const usePaletteCalls = (): number => useSyncExternalStore(watch, () => wanted)
