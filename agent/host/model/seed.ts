/** A stream of random numbers that repeats from its seed (the splitmix32 step); for models and tests, never for secrets. */
export const seeded = (seed: number) => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  return {
    /** A whole number from 0 to `below` - 1. */
    below: (below: number): number => next() % below,
    bytes: (count: number): Uint8Array => Uint8Array.from({ length: count }, () => next() & 0xff),
    uuid: (): string => {
      const hex = Array.from({ length: 4 }, () => next().toString(16).padStart(8, '0')).join('')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
    },
  }
}
