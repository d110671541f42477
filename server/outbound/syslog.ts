import { connect, type TLSSocket } from 'node:tls'
import type { AddressGuard } from './address-guard.ts'
import type { Sent } from './webhook.ts'

/** One message of syslog (RFC 5424). */
export interface SyslogMessage {
  readonly at: number
  /** MSGID: what kind of message it is. */
  readonly id: string
  /** Stands as structured data, so that the receiver knows what it has already. */
  readonly uid: string
  readonly text: string
}

const facility = 13
const severity = 5

/** PRINTUSASCII of a bounded length, or the nil value. */
const word = (text: string, most: number): string => {
  const plain = text.replaceAll(/[^\x21-\x7e]/g, '').slice(0, most)
  return plain === '' ? '-' : plain
}

/** As it goes over the wire: RFC 5425 frames it by counting octets, so that no sign in it can end it early. */
export function frame({ at, id, uid, text }: SyslogMessage, host: string): Buffer {
  const data = `[recourse@32473 uid="${word(uid, 200).replaceAll(/["\\\]]/g, (sign) => `\\${sign}`)}"]`
  const head = `<${facility * 8 + severity}>1 ${new Date(at).toISOString()} ${word(host, 255)} recourse - ${word(id, 32)} ${data} `
  // The byte order mark says that the text is UTF-8.
  const message = Buffer.from(`${head}\ufeff${text}`, 'utf8')
  return Buffer.concat([Buffer.from(`${message.length} `), message])
}

const timeoutMs = 15_000

/**
 * Sends some messages over a connection of their own and ends it. Syslog has no answers: what is known to have been read is only what a
 * receiver has read before it ends the connection in turn, so that is waited for; anything else is a failure, and all of them are sent
 * again. A receiver that ends properly and then forgets what it read cannot be told from one that keeps it: where that matters, use a
 * webhook, which answers.
 */
export async function sendSyslog(
  guard: AddressGuard,
  { host, port, ca, from }: { host: string; port: number; ca: string | null; from: string },
  messages: readonly SyslogMessage[],
): Promise<Sent> {
  const found = await guard.resolve(host)
  if ('why' in found) return { ok: false, why: found.why }
  return new Promise((resolve) => {
    let socket: TLSSocket | null = null
    const end = (sent: Sent) => {
      clearTimeout(late)
      socket?.destroy()
      resolve(sent)
    }
    const late = setTimeout(() => end({ ok: false, why: 'no answer in time' }), timeoutMs)
    try {
      socket = connect(
        {
          host: found.address,
          port,
          // An address is no name to ask for; the certificate is checked against it all the same.
          ...(found.address === host ? {} : { servername: host }),
          minVersion: 'TLSv1.2',
          ...(ca === null ? {} : { ca }),
        },
        () => {
          socket?.end(Buffer.concat(messages.map((it) => frame(it, from))))
        },
      )
    } catch (failure) {
      return end({ ok: false, why: failure instanceof Error ? failure.message.slice(0, 200) : 'failed' })
    }
    let answered = false
    socket.on('error', (failure: NodeJS.ErrnoException) =>
      end({ ok: false, why: failure.code ?? failure.message.slice(0, 200) }),
    )
    socket.on('data', () => undefined)
    socket.on('end', () => {
      answered = true
    })
    socket.on('close', () => end(answered ? { ok: true } : { ok: false, why: 'cut off' }))
  })
}
