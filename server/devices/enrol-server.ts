import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { type ErrorCode, errors } from '../../protocol/errors.ts'
import { enrolRequest } from '../../protocol/messages.ts'
import { Allowance, type Rate } from '../gateway/allowance.ts'
import type { Authority } from './ca.ts'
import type { Enrolment } from './enrol.ts'

/*
 * INVARIANTS
 * - One thing can be asked here, by anyone: `POST /enrol`. Everything a stranger can make the server do is bounded before it is done: size of head
 *   and body, time, tries per address and in all, requests at work.
 */

export interface EnrolServerDeps {
  readonly authority: Authority
  readonly enrol: (request: ReturnType<typeof enrolRequest.parse>) => Promise<Enrolment>
  readonly log: Logger
  readonly names: readonly string[]
  readonly listen: { readonly host: string; readonly port: number }
  monotonicMs(): number
  readonly limits?: Partial<EnrolLimits>
}

export interface EnrolLimits {
  readonly bodyBytes: number
  readonly perAddress: Rate
  readonly inAll: Rate
  readonly atWork: number
}

const defaultLimits: EnrolLimits = {
  bodyBytes: 262_144,
  perAddress: { burst: 30, perSecond: 1 },
  inAll: { burst: 1_000, perSecond: 100 },
  atWork: 64,
}

/** Addresses that are remembered; the oldest is forgotten first. */
const addressesKept = 10_000

export interface EnrolServer {
  readonly port: number
  /** A certificate for another ninety days. */
  refresh(): Promise<void>
  close(): Promise<void>
}

/** The port at which devices come in: TLS that proves the server only, because they have no certificate yet (TRU1). */
export async function startEnrolServer(deps: EnrolServerDeps): Promise<EnrolServer> {
  const { authority, log, monotonicMs } = deps
  const limits = { ...defaultLimits, ...deps.limits }
  const own = await authority.issueServer(deps.names)
  const inAll = new Allowance(limits.inAll, monotonicMs())
  const perAddress = new Map<string, Allowance>()
  let atWork = 0

  const allowed = (address: string): boolean => {
    const now = monotonicMs()
    const allowance = perAddress.get(address) ?? new Allowance(limits.perAddress, now)
    perAddress.delete(address)
    perAddress.set(address, allowance)
    if (perAddress.size > addressesKept) perAddress.delete(perAddress.keys().next().value ?? '')
    // The stranger's own allowance first: one address alone cannot use up everybody's.
    return allowance.spend(1, now) === 0 && inAll.spend(1, now) === 0 && atWork < limits.atWork
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url !== '/enrol' || request.method !== 'POST') return say(response, 404, problem('not_found'))
    if (!allowed(request.socket.remoteAddress ?? '')) return say(response, 429, problem('flooded'))
    atWork++
    try {
      const body = await bodyOf(request, limits.bodyBytes)
      if (body === null) return say(response, 413, problem('frame_too_large'))
      const read = enrolRequest.safeParse(jsonOrNull(body))
      if (!read.success) return say(response, 400, problem('request_invalid'))
      const enrolment = await deps.enrol(read.data)
      if (enrolment.ok) {
        log.info({ device: enrolment.answer.deviceId }, 'a device enrolled')
        return say(response, 200, enrolment.answer)
      }
      log.warn({ code: enrolment.code, from: request.socket.remoteAddress }, 'an enrolment was refused')
      say(response, errors[enrolment.code].http ?? 400, problem(enrolment.code))
    } finally {
      atWork--
    }
  }

  const server = createServer(
    {
      cert: own.chainPem,
      key: own.keyPem,
      minVersion: 'TLSv1.3',
      handshakeTimeout: 10_000,
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      maxHeaderSize: 8_192,
    },
    (request, response) => {
      answer(request, response).catch((failure: unknown) => {
        log.error({ err: failure }, 'an enrolment failed')
        if (!response.headersSent) say(response, 500, problem('internal'))
      })
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(deps.listen.port, deps.listen.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    async refresh() {
      const next = await authority.issueServer(deps.names)
      server.setSecureContext({ cert: next.chainPem, key: next.keyPem, minVersion: 'TLSv1.3' })
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** RFC 9457. */
const problem = (code: ErrorCode) => ({
  type: 'about:blank',
  title: errors[code].meaning,
  status: errors[code].http ?? 400,
  code,
})

function say(response: ServerResponse, status: number, body: object): void {
  const type = status === 200 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', connection: 'close' })
  response.end(JSON.stringify(body))
}

/** The whole body as text, or null when it is larger than that. */
async function bodyOf(request: IncomingMessage, limit: number): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
