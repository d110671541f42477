import * as z from 'zod'
import type { Call } from './calls.ts'

/** What a server process has cost, and what it holds. */
const usage = z.object({ rssBytes: z.number(), cpuMs: z.number(), connected: z.int() })
export type Usage = z.infer<typeof usage>

export const openServer: Call<{ folder: string }, { port: number }> = {
  name: 'open',
  asked: z.object({ folder: z.string() }),
  answer: z.object({ port: z.int() }),
}

/** `collected`: garbage is collected first, after the time was taken, and the pages it lay on are given back, which V8 else does when it likes. */
export const usageOf: Call<{ collected: boolean }, Usage> = {
  name: 'usage',
  asked: z.object({ collected: z.boolean() }),
  answer: usage,
}

/** Devices that the control plane shows as absent. */
export const absentDevices: Call<null, { absent: number }> = {
  name: 'absent',
  asked: z.null(),
  answer: z.object({ absent: z.int() }),
}

/** Ends everything in order. */
export const closeServer: Call<null, null> = { name: 'close', asked: z.null(), answer: z.null() }

/** This process, measured. */
export function ownUsage(connected: number, collected: boolean): Usage {
  const { user, system } = process.cpuUsage()
  for (let pass = 0; collected && pass < 2; pass++) globalThis.gc?.({ type: 'major', flavor: 'last-resort' })
  return { rssBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1_000, connected }
}
