import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Sits between device and gateway and breaks connections off, in the middle of whatever they say. */
export interface ChaosProxy {
  readonly port: number
  /** Connections broken off so far. */
  cuts(): number
  /** From now on connections live. */
  calm(): void
  close(): Promise<void>
}

/**
 * Each connection is cut after a random number of bytes in one of its two ways: sometimes inside the handshake, mostly later. What was read and
 * not passed on yet is lost, as on a real wire. `random` gives numbers from 0 up to 1.
 */
export async function startChaosProxy(to: () => number, random: () => number): Promise<ChaosProxy> {
  const sockets = new Set<Socket>()
  let cuts = 0
  let wild = true
  const server = createServer((near) => {
    const far = connect(to(), '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    let left = wild ? Math.floor(random() * (random() < 0.2 ? 3_000 : 30_000)) : Number.POSITIVE_INFINITY
    let cut = false
    const pass = (from: Socket, into: Socket) => {
      from.on('data', (chunk) => {
        if (cut) return
        left -= chunk.length
        if (left >= 0 || !wild) {
          into.write(chunk)
          return
        }
        cut = true
        cuts++
        // Part of the last piece still gets through: a frame is cut in its middle.
        into.write(chunk.subarray(0, Math.max(0, chunk.length + left)), () => {
          near.resetAndDestroy()
          far.resetAndDestroy()
        })
      })
    }
    pass(near, far)
    pass(far, near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    cuts: () => cuts,
    calm: () => {
      wild = false
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
