// Runs in a process of its own: the other ends of bare.ts, which answer each frame with one of their own and know nothing.

import { WebSocket } from 'ws'

const [, , port, count] = process.argv
const answer = Buffer.alloc(227, 1)
let next = 0
const lane = async () => {
  while (next++ < Number(count)) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
    socket.on('message', () => socket.send(answer))
    await new Promise((resolve, reject) => {
      socket.on('open', resolve)
      socket.on('error', reject)
    })
  }
}
await Promise.all(Array.from({ length: 32 }, lane))
process.on('disconnect', () => process.exit(0))
process.send?.('connected')
