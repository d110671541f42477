import { createHmac } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import * as z from 'zod'
import type { AddressGuard } from './address-guard.ts'

/** How sending ended. A receiver that refuses (4xx) is tried again too: it may be set right. */
export type Sent = { readonly ok: true } | { readonly ok: false; readonly why: string }

/** An address for webhooks: no credentials in it, as addresses are shown and logged. */
export const webhookUrl = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .refine((text) => {
    if (!URL.canParse(text)) return false
    const { username, password } = new URL(text)
    return username === '' && password === ''
  }, 'no name or password in the address')

const timeoutMs = 10_000

/**
 * Posts once. The body is signed: `recourse-signature: t=<seconds>,v1=<hex of HMAC-SHA256 over "<seconds>.<body>">`; the receiver checks
 * it in constant time, refuses old times, and knows what it has by `recourse-delivery`. Redirects are not followed and the answer is
 * not read.
 */
export async function postWebhook(
  { guard, nowMs }: { readonly guard: AddressGuard; nowMs(): number },
  { url, secret, id, type, body }: { url: string; secret: string; id: string; type: string; body: string },
): Promise<Sent> {
  const { hostname, protocol } = new URL(url)
  if (protocol !== 'https:' && !guard.allowed.has(hostname))
    return { ok: false, why: 'http only to hosts allowed by name' }
  const found = await guard.resolve(hostname)
  if ('why' in found) return { ok: false, why: found.why }
  const seconds = Math.floor(nowMs() / 1_000)
  return new Promise((resolve) => {
    const request = (protocol === 'https:' ? requestHttps : requestHttp)(
      url,
      {
        method: 'POST',
        agent: false,
        timeout: timeoutMs,
        signal: AbortSignal.timeout(timeoutMs),
        lookup: (_, options, done) =>
          options.all === true ? done(null, [found]) : done(null, found.address, found.family),
        headers: {
          'content-type': type,
          'content-length': Buffer.byteLength(body),
          'user-agent': 'recourse',
          'recourse-delivery': id,
          'recourse-signature': `t=${seconds},v1=${signatureOf(secret, seconds, body)}`,
        },
      },
      (answer) => {
        const { statusCode = 0 } = answer
        answer.destroy()
        resolve(statusCode >= 200 && statusCode < 300 ? { ok: true } : { ok: false, why: `answered ${statusCode}` })
      },
    )
    request.on('error', (failure: NodeJS.ErrnoException) => resolve({ ok: false, why: failure.code ?? failure.name }))
    request.end(body)
  })
}

export const signatureOf = (secret: string, seconds: number, body: string): string =>
  createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
