/**
 * So many at a time, the others in the order in which they came.
 *
 * INVARIANTS
 * - Nobody holds more than one turn, and nobody holds it for longer than the limit.
 * - A turn that ends goes to who waits longest; one that is given up while waiting is nobody's.
 */
export interface Turns {
  place(): Place
}

/** Somebody who may have a turn. */
export interface Place {
  /** True when its turn has begun, false when it was given up before. */
  begin(): Promise<boolean>
  /** Ends its turn, or its waiting for one; does nothing where there is neither. */
  end(): void
}

/** @param limitMs after that a turn ends by itself */
export function openTurns(atOnce: number, limitMs: number): Turns {
  let taken = 0
  const waiting = new Set<() => void>()
  const next = () => {
    const [first] = waiting
    if (first === undefined || taken >= atOnce) return
    waiting.delete(first)
    first()
  }
  return {
    place() {
      let timer: NodeJS.Timeout | null = null
      let giveUp: (() => void) | null = null
      const place: Place = {
        async begin() {
          if (timer !== null) return true
          giveUp?.()
          const start = () => {
            giveUp = null
            taken++
            timer = setTimeout(() => place.end(), limitMs)
          }
          if (taken < atOnce) {
            start()
            return true
          }
          return new Promise<boolean>((resolve) => {
            const begins = () => {
              start()
              resolve(true)
            }
            waiting.add(begins)
            giveUp = () => {
              waiting.delete(begins)
              giveUp = null
              resolve(false)
            }
          })
        },
        end() {
          giveUp?.()
          if (timer === null) return
          clearTimeout(timer)
          timer = null
          taken--
          next()
        },
      }
      return place
    },
  }
}
