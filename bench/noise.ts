/**
 * How uneven this machine is just now: the slowest tenth of equal pieces of work, divided by the median. 1 is perfectly quiet; above
 * {@link mostNoise} other programs take so much that nothing measured beside them means anything.
 */
export function noise(): number {
  const times = Array.from({ length: 60 }, spin).toSorted((a, b) => a - b)
  return (times[54] ?? Number.NaN) / (times[30] ?? Number.NaN)
}

function spin(): number {
  const begun = performance.now()
  let state = 1
  for (let step = 0; step < 2_000_000; step++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  // The result is used, so that the loop cannot be left out.
  return state === 0 ? Number.POSITIVE_INFINITY : performance.now() - begun
}

export const mostNoise = 1.5
