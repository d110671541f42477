import { createPublicKey, type KeyObject, sign } from 'node:crypto'

/*
 * PKCS #10 (RFC 2986) by hand: forty lines instead of a certificate library that would cost the idle agent more memory than everything else it does.
 */

const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex')
const commonName = Buffer.from('0603550403', 'hex')

/** A tag, its length and its content in DER. */
function der(tag: number, ...content: Uint8Array[]): Buffer<ArrayBuffer> {
  const body = Buffer.concat(content)
  const length: number[] = []
  if (body.length < 0x80) length.push(body.length)
  else if (body.length < 0x100) length.push(0x81, body.length)
  else length.push(0x82, body.length >> 8, body.length & 0xff)
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

const sequence = (...content: Uint8Array[]) => der(0x30, ...content)

/**
 * A certificate request for a P-256 key, in DER, that proves the key by its signature. The name in it is a placeholder: the
 * control plane alone says who a device is.
 */
export function certificateRequest(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  const name = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from('device')))))
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const version = der(0x02, Buffer.from([0]))
  const noAttributes = der(0xa0)
  const info = sequence(version, name, spki, noAttributes)
  const signature = sign('sha256', info, { key: privateKey, dsaEncoding: 'der' })
  return new Uint8Array(sequence(info, sequence(ecdsaWithSha256), der(0x03, Buffer.from([0]), signature)))
}

export const certificateRequestPem = (privateKey: KeyObject): string =>
  [
    '-----BEGIN CERTIFICATE REQUEST-----',
    ...(Buffer.from(certificateRequest(privateKey))
      .toString('base64')
      .match(/.{1,64}/g) ?? []),
    '-----END CERTIFICATE REQUEST-----',
    '',
  ].join('\n')
