/*
 * An agent is idle nearly always, and what it costs then is what it costs. Measured with Node 24.21 on x64, the bundle idles at 76 MiB
 * as it is, and at 68 MiB like this:
 * - Functions that are only busy while the agent starts get no optimizing compiler, whose code alone takes three megabytes; what is
 *   busy for long still gets it.
 * - The room for new objects does not grow for the start and stay that large for ever.
 * - One arena for memory outside of JavaScript: it has one thread that asks for much of it.
 */
const flags = [
  '--max-semi-space-size=1',
  '--invocation-count-for-maglev=20000',
  '--invocation-count-for-turbofan=100000',
] as const
const environment = { MALLOC_ARENA_MAX: '1' }

/**
 * Replaces this process by itself under these settings, which cannot be changed once Node runs: same process id, same streams. Does nothing where it runs under
 * them already, from its sources, or on a system that cannot; the agent then works all the same. Costs a bare start of Node, so it comes before anything is loaded.
 */
export function becomeLean(): void {
  const [, entry = '', command] = process.argv
  if (command !== 'run' || !entry.endsWith('.cjs') || process.execArgv.includes(flags[0])) return
  if (process.platform !== 'linux' || process.execve === undefined) return
  try {
    const args = [process.execPath, ...process.execArgv, ...flags, ...process.argv.slice(1)]
    process.execve(process.execPath, args, { ...process.env, ...environment })
  } catch {
    // Larger, but no less right.
  }
}
