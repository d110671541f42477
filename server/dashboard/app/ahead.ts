declare global {
  /** What `public/ahead.js` asked for before this code was here, by path. */
  var recourseAhead: Map<string, Promise<Response>> | undefined
}

/** The answer to a reading that was asked for ahead; given out once. */
export function takeAhead(path: string): Promise<Response> | null {
  const answer = globalThis.recourseAhead?.get(path) ?? null
  globalThis.recourseAhead?.delete(path)
  return answer
}

/** Forgets what nobody came for: later it would be old. */
export const dropAhead = (): void => globalThis.recourseAhead?.clear()
