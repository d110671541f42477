import 'reflect-metadata'
import { createHash, createPublicKey } from 'node:crypto'
import { PemConverter, Pkcs10CertificateRequest } from '@peculiar/x509'

export interface ProvenKey {
  /** The public key in DER (SPKI). */
  readonly spki: Uint8Array
  /** SHA-256 of it, hex. */
  readonly hash: string
}

const maxBytes = 8_192

/**
 * The key that a certificate request proves to hold, or null when the request is malformed, its signature is not made with its own key, or the
 * key is neither P-256 nor Ed25519. Subject and extensions are not looked at: the control plane alone says who a device is.
 */
export async function readCertificateRequest(request: string | Uint8Array): Promise<ProvenKey | null> {
  if (request.length > maxBytes * 2) return null
  try {
    const der = typeof request === 'string' ? derOf(request) : request
    if (der === null || der.length > maxBytes) return null
    const csr = new Pkcs10CertificateRequest(new Uint8Array(der))
    const spki = new Uint8Array(csr.publicKey.rawData)
    if (!accepted(spki) || !(await csr.verify())) return null
    return { spki, hash: createHash('sha256').update(spki).digest('hex') }
  } catch {
    // Whatever a hostile request makes the parser throw, it is not a request.
    return null
  }
}

function derOf(pem: string): Uint8Array | null {
  const [first, ...more] = PemConverter.decodeWithHeaders(pem)
  if (first === undefined || more.length > 0 || first.type !== 'CERTIFICATE REQUEST') return null
  return new Uint8Array(first.rawData)
}

function accepted(spki: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  if (key.asymmetricKeyType === 'ed25519') return true
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
}
