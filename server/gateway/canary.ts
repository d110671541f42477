import { type AddressInfo, createServer } from 'node:net'

export interface Canary {
  readonly port: number
  close(): Promise<void>
}

/**
 * A port that says nothing and hangs up: what an isolated device must find unreachable, while the gateway beside it answers (ISO2).
 */
export async function startCanary(listen: { readonly host: string; readonly port: number }): Promise<Canary> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.destroySoon()
  })
  server.maxConnections = 1_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen.port, listen.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
