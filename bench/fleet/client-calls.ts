import * as z from 'zod'
import { deviceId } from '../../protocol/ids.ts'
import type { Enrolled } from '../enrolled.ts'
import type { Call } from './calls.ts'

const made = z.object({
  id: deviceId,
  serial: z.string(),
  keyHash: z.string(),
  pem: z.string(),
  notAfter: z.number(),
})

/** Makes devices, each with a key of its own and a certificate of this authority. */
export const makeDevices: Call<{ authority: string; count: number }, { devices: Enrolled[] }> = {
  name: 'make',
  asked: z.object({ authority: z.string(), count: z.int() }),
  answer: z.object({ devices: z.array(made) }),
}

const connected = z.object({
  ms: z.number(),
  welcomed: z.int(),
  resumed: z.int(),
  failures: z.int(),
  cpuMs: z.number(),
})
export type Connected = z.infer<typeof connected>

const range = { from: z.int(), to: z.int() }

/** Connects these devices, so many at once, and waits until each was welcomed. `resume`: with the ticket of the last connection there. */
export const connectDevices: Call<
  { place: string; port: number; from: number; to: number; atOnce: number; resume: boolean },
  Connected
> = {
  name: 'connect',
  asked: z.object({ place: z.string(), port: z.int(), ...range, atOnce: z.int(), resume: z.boolean() }),
  answer: connected,
}

/** Breaks the connections of these devices off, as a network does. */
export const cutDevices: Call<{ place: string; from: number; to: number }, null> = {
  name: 'cut',
  asked: z.object({ place: z.string(), ...range }),
  answer: z.null(),
}

/** Connections open now, and how many the server has ended since the start. */
export const countDevices: Call<{ place: string }, { open: number; endedByServer: number }> = {
  name: 'count',
  asked: z.object({ place: z.string() }),
  answer: z.object({ open: z.int(), endedByServer: z.int() }),
}
