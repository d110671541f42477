import { useSyncExternalStore } from 'react'

const media = window.matchMedia('(max-width: 759px)')
const subscribe = (listener: () => void) => {
  media.addEventListener('change', listener)
  return () => media.removeEventListener('change', listener)
}

/** Whether the screen is too narrow for columns: a phone. The same width stands in the style sheets. */
export const useNarrow = (): boolean => useSyncExternalStore(subscribe, () => media.matches)
