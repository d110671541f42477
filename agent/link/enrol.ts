import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import * as z from 'zod'
import { parseEnrolmentToken } from '../../protocol/enrolment-token.ts'
import { type ErrorCode, errorCodes, RecourseError } from '../../protocol/errors.ts'
import { type DeviceFacts, enrolAnswer } from '../../protocol/messages.ts'
import { certificateRequestPem } from './certificate-request.ts'
import { certificateFault, enrollingKey, type Identity, keepIdentity } from './identity.ts'

const timeoutMs = 15_000
const maxAnswerBytes = 1_048_576

export interface EnrolWish {
  readonly folder: string
  readonly host: string
  readonly port: number
  readonly token: string
  readonly facts: DeviceFacts
}

/**
 * Enrols this device (TRU1) and keeps what it is told. Repeatable after a crash at any step: the key is on the disk before it is sent, and
 * the control plane knows a key again. `address` is where the control plane really was, to be spared by an isolation.
 *
 * RecourseError `token_invalid` (malformed, unknown, used up, expired), `server_untrusted` (its CA is not the one in the token, or its certificate is for other names),
 * `io_failed` (nobody answers), or the code with which it refused.
 */
export async function enrol({
  folder,
  host,
  port,
  token,
  facts,
}: EnrolWish): Promise<{ identity: Identity; address: string }> {
  const parts = parseEnrolmentToken(token)
  if (parts === null) throw new RecourseError('token_invalid', 'this is not an enrolment token')
  const caPem = await pinnedAuthority(host, port, parts.pin)
  const privateKeyPem = enrollingKey(folder)
  const csrPem = certificateRequestPem(createPrivateKey(privateKeyPem))
  const { body, address } = await post({ host, port, caPem }, JSON.stringify({ token, csrPem, facts }))
  const answer = enrolAnswer.safeParse(body)
  if (!answer.success)
    throw new RecourseError('message_malformed', 'the control plane gave no answer this agent understands')
  if (pinOf(new X509Certificate(answer.data.caPem)) !== parts.pin)
    throw new RecourseError('server_untrusted', 'the CA in the answer is not the one in the token')
  const fault = certificateFault({ ...answer.data, privateKeyPem })
  if (fault !== null) throw new RecourseError('server_untrusted', fault)
  return { identity: keepIdentity(folder, privateKeyPem, answer.data), address }
}

/** The CA in the server's own chain that the token names. Nothing is sent on this connection but the handshake. */
function pinnedAuthority(host: string, port: number, pin: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      minVersion: 'TLSv1.3',
      // The chain is judged by the pin below, and the connection that carries the token is verified in full.
      rejectUnauthorized: false,
      timeout: timeoutMs,
    })
    const fail = (detail: string, code: ErrorCode = 'io_failed', cause?: unknown) => {
      socket.destroy()
      reject(new RecourseError(code, detail, { cause }))
    }
    socket.on('timeout', () => fail(`${host}:${port} does not answer`))
    socket.on('error', (error) => fail(`${host}:${port} cannot be reached: ${error.message}`, 'io_failed', error))
    socket.on('secureConnect', () => {
      let certificate = socket.getPeerX509Certificate()
      for (let steps = 0; certificate !== undefined && steps < 5; steps++) {
        if (pinOf(certificate) === pin) {
          socket.destroy()
          resolve(certificate.toString())
          return
        }
        certificate = certificate.issuerCertificate
      }
      fail('the server does not show the CA that the token names', 'server_untrusted')
    })
  })
}

interface Place {
  readonly host: string
  readonly port: number
  readonly caPem: string
}

function post({ host, port, caPem }: Place, text: string): Promise<{ body: unknown; address: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host,
        port,
        path: '/enrol',
        method: 'POST',
        ca: caPem,
        minVersion: 'TLSv1.3',
        ...(isIP(host) === 0 ? { servername: host } : {}),
        agent: false,
        timeout: timeoutMs,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (response) => {
        const address = response.socket.remoteAddress ?? host
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > maxAnswerBytes) call.destroy(new Error('the answer is too long'))
          else chunks.push(chunk)
        })
        response.on('end', () => {
          const body = jsonOrNull(Buffer.concat(chunks).toString('utf8'))
          if (response.statusCode === 200) return resolve({ body, address })
          const refusal = problem.safeParse(body)
          reject(
            refusal.success
              ? new RecourseError(refusal.data.code)
              : new RecourseError('io_failed', `the control plane answered ${response.statusCode}`),
          )
        })
        response.on('error', reject)
      },
    )
    call.on('timeout', () => call.destroy(new Error('no answer in time')))
    call.on('error', (error) =>
      reject(
        new RecourseError(isTrustFailure(error) ? 'server_untrusted' : 'io_failed', error.message, { cause: error }),
      ),
    )
    call.end(text)
  })
}

const problem = z.object({ code: z.enum(errorCodes) })

const pinOf = (certificate: X509Certificate): string =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')

/** OpenSSL's and Node's codes for a certificate that does not prove what it should (Node.js, “X509 certificate error codes”). */
export const isTrustFailure = (error: Error): boolean =>
  'code' in error &&
  typeof error.code === 'string' &&
  /CERT|SIGNATURE|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|^ERR_TLS_/.test(error.code)

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
