import { readFileSync } from 'node:fs'
import { createServer, type ListenOptions } from 'node:net'

/*
 * Ports for control planes that are killed and started again. Between two lives a port is nobody's, and a port that is free now may be what
 * another process is about to take: so each process owns a block of them for as long as it lives.
 *
 * INVARIANTS
 * - A block belongs to who holds its socket in the abstract namespace. The system lets go of that when the process ends, however it ends.
 * - No port is given twice by one process.
 * - All lie below those that outgoing connections take.
 */

const firstPort = 20_000
const blockSize = 20

let block: { next: number; readonly end: number } | null = null

/** The first of that many free ports, one after the other. They stay ours until this process ends. */
export async function leasePorts(count: number): Promise<number> {
  for (;;) {
    if (block === null || block.next + count > block.end) block = await claimBlock()
    const first = block.next
    block.next += count
    const wanted = Array.from({ length: count }, (_, at) => first + at)
    const free = await Promise.all(wanted.map((port) => canListen({ host: '127.0.0.1', port })))
    if (free.every(Boolean)) return first
  }
}

async function claimBlock(): Promise<{ next: number; readonly end: number }> {
  const blocks = Math.floor((firstOutgoingPort() - firstPort) / blockSize)
  // Another place to begin for each process, so that few have to try twice.
  for (let tries = 0; tries < blocks; tries++) {
    const at = (process.pid * 7 + tries) % blocks
    const first = firstPort + at * blockSize
    if (await hold(`\0recourse-ports-${first}`)) return { next: first, end: first + blockSize }
  }
  throw new Error('every block of ports is somebody else’s')
}

/** Where there is no abstract namespace nothing is held, and two processes may meet. */
const hold = (path: string): Promise<boolean> =>
  process.platform === 'linux' ? listens({ path }, true) : Promise.resolve(true)

const canListen = (where: ListenOptions): Promise<boolean> => listens(where, false)

const listens = (where: ListenOptions, keep: boolean): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(where, () => {
      server.unref()
      if (keep) resolve(true)
      else server.close(() => resolve(true))
    })
  })

function firstOutgoingPort(): number {
  try {
    const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number)
    return first !== undefined && first > firstPort + 1_000 ? first : 32_768
  } catch {
    return 32_768
  }
}
