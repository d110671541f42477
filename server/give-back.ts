/** `int malloc_trim(size_t pad)`; null where the C library has none, as musl and Windows. */
let trim: Promise<((pad: number) => number) | null> | null = null

async function findTrim(): Promise<((pad: number) => number) | null> {
  const { default: koffi } = await import('koffi')
  try {
    return koffi.load('libc.so.6').func('int malloc_trim(size_t pad)')
  } catch {
    return null
  }
}

/**
 * Gives what is free between what is used back to the system, a few milliseconds. Connections that come and go leave such holes, and the
 * C library by itself gives back only what lies at the end: half an hour of bad weather made two thousand devices cost half again as much.
 */
export async function giveBackMemory(): Promise<'given-back' | 'nothing-free' | 'unsupported'> {
  trim ??= findTrim()
  const call = await trim
  if (call === null) return 'unsupported'
  return call(0) === 1 ? 'given-back' : 'nothing-free'
}
