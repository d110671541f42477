import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { callerOf } from '../http/access.ts'
import { callerNow } from '../people/operators.ts'
import type { Store } from '../store/store.ts'
import type { Feed } from './events.ts'

const heartbeatMs = 15_000
const mostStreams = 500
const mostStreamsOfOne = 20

const eventNumber = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number)

/**
 * `GET /v1/events`: server-sent events. `Last-Event-ID`, or `?after=`, resumes without a gap; without either it begins now. When what
 * would follow is no longer kept, an event `reset` tells the client to load everything anew.
 */
export function liveRoutes(app: FastifyInstance, { store, feed }: { store: Store; feed: Feed }): void {
  const streams = new Map<string, number>()
  const ends = new Set<() => void>()
  app.addHook('preClose', async () => {
    for (const end of ends) end()
  })

  app.withTypeProvider<ZodTypeProvider>().get(
    '/v1/events',
    {
      schema: {
        tags: ['live'],
        summary: 'What changes, as server-sent events',
        querystring: z.strictObject({ after: eventNumber.optional() }),
      },
    },
    async (request, reply) => {
      const by = callerOf(request).operatorId
      const mine = streams.get(by) ?? 0
      if (ends.size >= mostStreams || mine >= mostStreamsOfOne) throw new RecourseError('flooded', 'too many streams')
      const { oldest, newest } = await feed.range()
      const from = resumeFrom(request) ?? request.query.after ?? newest
      const lost = from > newest || from + 1 < oldest
      let last = lost ? newest : from

      reply.hijack()
      const { raw } = reply
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value)
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
      raw.write(`retry: 2000\n\n${lost ? `id: ${newest}\nevent: reset\ndata: {}\n\n` : ''}`)

      let sending = false
      let again = false
      let beatAt = 0
      const send = async () => {
        again = sending
        if (sending) return
        sending = true
        try {
          do {
            again = false
            // Who was signed out or lost the right to look meanwhile gets nothing more.
            const caller = await callerNow(store.read, callerOf(request))
            if (!caller.permissions.has('view')) return end()
            for (let more = true; more && !raw.destroyed; ) {
              const { events, through, full } = await feed.after(last, caller)
              more = full
              last = through
              const text = events.map((it) => `id: ${it.id}\nevent: ${it.type}\ndata: ${it.body}\n\n`).join('')
              if (text !== '' && !raw.write(text)) await drained(request)
            }
          } while (again && !raw.destroyed)
        } catch {
          end()
        } finally {
          sending = false
        }
      }
      const subscription = feed.subscribe(() => void send())
      const beat = setInterval(() => {
        // A reader that took nothing since the last beat but one is gone.
        if (raw.writableNeedDrain && ++beatAt > 1) return end()
        if (!raw.writableNeedDrain) {
          beatAt = 0
          raw.write(': still here\n\n')
        }
        void send()
      }, heartbeatMs)
      const end = () => {
        if (!ends.delete(end)) return
        clearInterval(beat)
        subscription[Symbol.dispose]()
        const left = (streams.get(by) ?? 1) - 1
        if (left === 0) streams.delete(by)
        else streams.set(by, left)
        // Who reads gets a proper end; who does not is cut off.
        if (raw.writableNeedDrain) raw.destroy()
        else raw.end()
      }
      streams.set(by, mine + 1)
      ends.add(end)
      raw.on('close', end)
      await send()
    },
  )
}

function resumeFrom(request: FastifyRequest): number | null {
  const read = eventNumber.safeParse(request.headers['last-event-id'])
  return read.success ? read.data : null
}

const drained = ({ raw }: FastifyRequest): Promise<void> =>
  new Promise((resolve) => {
    const { socket } = raw
    if (socket.destroyed) return resolve()
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
