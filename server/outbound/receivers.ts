import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { createServer as createHttp, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { X509CertificateGenerator } from '@peculiar/x509'

/** Small working receivers on this machine, for tests of what goes out. */

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
const close = (server: Server) => new Promise<void>((resolve) => void server.close(() => resolve()))

export interface Heard {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Takes webhooks; answers with `status`, and a redirect goes to `location`. */
export async function webhookReceiver() {
  const heard: Heard[] = []
  const mood = { status: 200, location: '' }
  const server = createHttp((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (piece: string) => {
      body += piece
    })
    request.on('end', () => {
      heard.push({ headers: request.headers, body })
      response.writeHead(mood.status, mood.location === '' ? {} : { location: mood.location })
      response.end('x'.repeat(100))
    })
  })
  const port = await listen(server)
  return { url: `http://127.0.0.1:${port}/hook`, heard, mood, close: () => close(server) }
}

/** A certificate for this machine that vouches for itself. */
export async function selfSigned(): Promise<{ cert: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const { SubjectAlternativeNameExtension } = await import('@peculiar/x509')
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=localhost',
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  })
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const lines = der.match(/.{1,64}/g) ?? []
  return {
    cert: cert.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
  }
}

/** Takes syslog over TLS, framed by counting octets (RFC 5425); `cut` ends connections in the middle. */
export async function syslogReceiver({ cert, key }: { cert: string; key: string }) {
  const messages: string[] = []
  const mood = { cut: false }
  const wires = new Set<Socket>()
  const server = createTls({ cert, key, allowHalfOpen: true }, (socket) => {
    let buffer = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (piece: Buffer) => {
      buffer = Buffer.concat([buffer, piece])
      for (;;) {
        const space = buffer.indexOf(' ')
        if (space < 0) return
        const length = Number(buffer.subarray(0, space).toString())
        if (!Number.isSafeInteger(length) || buffer.length < space + 1 + length) return
        messages.push(buffer.subarray(space + 1, space + 1 + length).toString('utf8'))
        buffer = buffer.subarray(space + 1 + length)
        if (mood.cut) return cut()
      }
    })
    socket.on('end', () => socket.end())
  })
  server.on('connection', (wire: Socket) => wires.add(wire))
  server.on('tlsClientError', () => undefined)
  /** As a machine that dies: without a proper end. */
  const cut = () => {
    for (const wire of wires) wire.resetAndDestroy()
    wires.clear()
  }
  const port = await listen(server)
  const end = () => {
    cut()
    return close(server)
  }
  return { port, messages, mood, close: end }
}
