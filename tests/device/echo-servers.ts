import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { firstLine, type LinuxDevice } from './linux-device.ts'

/** Echoes over TCP on this host's side of the device's link, at a port that was free: what an agent takes for its control plane. */
export interface ServedHere extends AsyncDisposable {
  readonly port: number
}

export const serveHere = async (): Promise<ServedHere> => {
  const open = new Set<Socket>()
  const server: Server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
    socket.pipe(socket)
  }).listen(0, '::')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('an echo without a port')
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const peerScript = (ports: { tcp: number; udp: number }) => `
const net = require('node:net'), dgram = require('node:dgram')
net.createServer((s) => s.on('error', () => {}).pipe(s)).listen(${ports.tcp}, '::', () => {
  const u = dgram.createSocket('udp6')
  u.on('message', (m, from) => u.send('from the peer', from.port, from.address))
  u.bind(${ports.udp}, '::', () => console.log('listening'))
})`

/** Echoes over TCP and answers datagrams on the peer, until it is disposed. */
export const serveOnPeer = async (device: LinuxDevice, ports: { tcp: number; udp: number }): Promise<Disposable> => {
  const child = device.peer.spawn([process.execPath, '-e', peerScript(ports)])
  await firstLine(child)
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') }
}
