import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Inside } from './isolation-inside.ts'
import type { LinuxDevice } from './linux-device.ts'

/** An agent's part of an isolation inside a device, asked from here. It ends with `end`, or with the device. */
export interface InsideDevice {
  /** Throws what the method threw, with its code. */
  ask<M extends keyof Inside>(method: M, ...args: Parameters<Inside[M]>): ReturnType<Inside[M]>
  /** How long the last answer took inside, milliseconds. */
  lastMs(): number
  end(): Promise<void>
}

const script = fileURLToPath(new URL('./isolation-inside.ts', import.meta.url))

export const startInside = async (device: LinuxDevice): Promise<InsideDevice> => {
  const child: ChildProcessWithoutNullStreams = device.spawn([
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    script,
  ])
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let complaints = ''
  let lastMs = 0
  let asked = 0
  child.stderr.on('data', (chunk) => (complaints += String(chunk)))
  child.stdin.on('error', () => undefined)
  const ended = once(child, 'close')
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`it ended: ${complaints}`))
  })
  const lines = createInterface(child.stdout)
  const ready = once(lines, 'line')
  lines.on('line', (line) => {
    if (line === 'ready') return
    const { id, ms, result, error } = JSON.parse(line) as {
      id: number
      ms: number
      result?: unknown
      error?: { code: string | null; message: string }
    }
    const caller = waiting.get(id)
    waiting.delete(id)
    lastMs = ms
    if (error === undefined) caller?.resolve(result)
    else caller?.reject(Object.assign(new Error(error.message), { code: error.code }))
  })
  await Promise.race([
    ready,
    ended.then(() => {
      throw new Error(`it did not start: ${complaints}`)
    }),
  ])
  const ask = (method: keyof Inside, ...args: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ++asked
      waiting.set(id, { resolve, reject })
      child.stdin.write(`${JSON.stringify({ id, method, args })}\n`)
    })
  return {
    ask: ask as InsideDevice['ask'],
    lastMs: () => lastMs,
    end: async () => {
      child.stdin.end()
      await ended
    },
  }
}
