import { createHash, hkdfSync } from 'node:crypto'
import type { ServerOptions } from 'node:https'
import type { Authority, ServerCertificate } from '../devices/ca.ts'

/** What the handshake of the gateway is made of (TRU1): TLS 1.3 alone, and a certificate of our CA that is not on the revocation list. */
export const secureOptions = ({
  authority,
  own,
  crl,
  ticketKeys,
}: {
  readonly authority: Pick<Authority, 'certificatePem'>
  readonly own: ServerCertificate
  readonly crl: string
  readonly ticketKeys: Buffer
}) =>
  ({
    ca: authority.certificatePem,
    cert: own.chainPem,
    key: own.keyPem,
    crl,
    ticketKeys,
    // The same after a restart, which the default is not when the command line was another.
    sessionIdContext: 'recourse gateway',
    sessionTimeout: ticketLifeSeconds,
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: 10_000,
    headersTimeout: 10_000,
    requestTimeout: 10_000,
    maxHeaderSize: 8_192,
  }) satisfies ServerOptions

/**
 * As long as RFC 8446 allows (§4.6.1): devices stay connected for days, and it is their last handshake that a storm resumes. A resumed
 * session is asked the same as a new one: the hello is admitted by the database, and a certificate that is over is turned away.
 */
const ticketLifeSeconds = 7 * 86_400

/**
 * The keys that seal what a device brings back to resume its session. Derived, not drawn, so that a restart of the control plane, which is
 * when all devices come at once, is a storm of short handshakes. Other keys as soon as the revocation list is another one, so that no
 * session from before gets around it, and each week. A list that is as it was before has lost only what is over anyway.
 */
export function ticketKeysFor(
  secret: Uint8Array,
  revoked: readonly { readonly serial: string }[],
  nowMs: number,
): Buffer {
  const list = createHash('sha256')
  for (const serial of revoked.map((it) => it.serial).sort()) list.update(`${serial}\n`)
  const week = Math.floor(nowMs / (ticketLifeSeconds * 1_000))
  return Buffer.from(hkdfSync('sha256', secret, list.digest(), `recourse gateway tickets v1 ${week}`, 48))
}

/**
 * Connections that wait to be accepted. Ten thousand come at once when a site has its power back; the 511 that Node asks for by itself
 * would leave the others to the seconds between two tries of TCP. The system cuts it to its own limit.
 */
export const backlog = 16_384
