import { type ChildProcess, fork } from 'node:child_process'
import * as z from 'zod'

/** What one process of a measurement asks another one of them. */
export interface Call<Asked, Answer> {
  readonly name: string
  readonly asked: z.ZodType<Asked>
  readonly answer: z.ZodType<Answer>
}

const question = z.object({ call: z.string(), number: z.int(), value: z.unknown() })
const reply = z.object({ number: z.int(), value: z.unknown(), failure: z.string().nullable() })

/** In the process that was started: answers this call from now on. */
export function answers<Asked, Answer>(call: Call<Asked, Answer>, work: (asked: Asked) => Promise<Answer> | Answer) {
  process.on('message', (message) => {
    const { call: name, number, value } = question.parse(message)
    if (name !== call.name) return
    const say = (answer: unknown, failure: string | null) => process.send?.({ number, value: answer, failure })
    Promise.resolve()
      .then(() => work(call.asked.parse(value)))
      .then(
        (answer) => say(answer, null),
        (failure: unknown) =>
          say(null, failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)),
      )
  })
}

export interface Peer {
  readonly pid: number
  ask<Asked, Answer>(call: Call<Asked, Answer>, asked: Asked): Promise<Answer>
  stop(): Promise<void>
}

/** Starts a program of the benchmark as a process of its own, on Node alone: what reads TypeScript for others would be measured too. */
export function startPeer(program: string, flags: readonly string[] = [], env: Readonly<NodeJS.ProcessEnv> = {}): Peer {
  const child: ChildProcess = fork(program, {
    execArgv: ['--disable-warning=ExperimentalWarning', ...flags],
    env: { ...process.env, ...env },
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(failure: Error): void }>()
  let asked = 0
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Error(`${program} ended: ${code ?? signal}`))
      waiting.clear()
      resolve()
    })
  })
  child.on('message', (message) => {
    const { number, value, failure } = reply.parse(message)
    const one = waiting.get(number)
    waiting.delete(number)
    if (failure === null) one?.resolve(value)
    else one?.reject(new Error(failure))
  })
  return {
    pid: child.pid ?? 0,
    async ask(call, value) {
      const number = asked++
      const answer = new Promise<unknown>((resolve, reject) => waiting.set(number, { resolve, reject }))
      child.send({ call: call.name, number, value })
      return call.answer.parse(await answer)
    },
    async stop() {
      if (child.connected) child.disconnect()
      await gone
    },
  }
}
