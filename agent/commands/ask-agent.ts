import { connect } from 'node:net'
import { join } from 'node:path'
import { RecourseError } from '../../protocol/errors.ts'
import type { ControlAnswer, ControlAsk } from '../control.ts'

const answerBytes = 64 * 1_048_576

/** Asks the agent that runs in this state folder; null when none does. An undo and a vault may take their time: there is no limit on the answer's. */
export function askAgent(state: string, ask: ControlAsk): Promise<ControlAnswer | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(state, 'control.sock'))
    const chunks: Buffer[] = []
    let size = 0
    socket.on('connect', () => socket.write(`${JSON.stringify(ask)}\n`))
    socket.on('data', (chunk) => {
      size += chunk.length
      if (size > answerBytes) socket.destroy(new Error('the answer is too long'))
      else chunks.push(chunk)
    })
    socket.on('error', (error) => {
      const code = 'code' in error ? error.code : null
      if (code === 'ENOENT' || code === 'ECONNREFUSED') resolve(null)
      else if (code === 'EACCES')
        reject(new RecourseError('not_permitted', `only the user of the agent may ask it (${state})`, { cause: error }))
      else reject(new RecourseError('internal', `the agent cannot be asked: ${error.message}`, { cause: error }))
    })
    socket.on('end', () => {
      socket.end()
      const text = Buffer.concat(chunks).toString('utf8')
      if (text === '') reject(new RecourseError('internal', 'the agent ended before it had answered'))
      // The agent that answers is our own, of this folder and user.
      else resolve(JSON.parse(text) as ControlAnswer)
    })
  })
}
