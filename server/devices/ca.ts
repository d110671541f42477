// The library of the next import registers its parts with decorators and needs this first.
import 'reflect-metadata'
import { createHash, createPrivateKey, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509CrlReason,
} from '@peculiar/x509'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Source } from '../source.ts'
import { readIfThere, writeSecretFile } from './key-file.ts'

const day = 86_400_000
const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const

/** How far clocks of devices may be behind: what is issued now is valid from then on. */
const backdatedMs = 3_600_000
const caLifeMs = 20 * 365 * day
const serverLifeMs = 90 * day
/** A list older than this is refused by TLS, and with it every device; it is made anew every day. */
const crlLifeMs = 30 * day

export interface IssuedCertificate {
  /** Hex, lower case. */
  readonly serial: string
  readonly pem: string
  readonly notAfter: number
}

export interface ServerCertificate {
  /** The certificate, then the CA's: who pins the CA finds it in the handshake. */
  readonly chainPem: string
  readonly keyPem: string
  readonly notAfter: number
}

/** The certificate authority of this control plane: its devices and its own servers, nobody else. */
export interface Authority {
  readonly certificatePem: string
  /** SHA-256 of the CA's public key (SPKI), base64url: the pin in enrolment tokens. */
  readonly pin: string
  /** A client certificate whose common name is the device's id. `spki` is the key that a request has proven. */
  issueDevice(device: DeviceId, spki: Uint8Array, validMs: number): Promise<IssuedCertificate>
  /** A server certificate for these names and addresses, with a key of its own that is never written down. */
  issueServer(names: readonly string[]): Promise<ServerCertificate>
  /** The PEM of the list of serial numbers that are refused at the handshake. */
  revocationList(revoked: readonly { serial: string; at: number }[]): Promise<string>
}

export interface AuthorityDeps {
  /** Holds `key.pem` (0600) and `certificate.pem`; made at first start. */
  readonly directory: string
  readonly source: Source
}

/** Opens the authority, or makes it at first start. The key is written before the certificate, so that a crash between keeps the pin. */
export async function openAuthority({ directory, source }: AuthorityDeps): Promise<Authority> {
  const { nowMs, randomBytes: random } = source
  cryptoProvider.set(webcrypto)
  const keys = await authorityKeys(join(directory, 'key.pem'))
  const certificatePath = join(directory, 'certificate.pem')
  let certificatePem = readIfThere(certificatePath)
  if (certificatePem === null) {
    certificatePem = await selfSigned(keys, serialFrom(random), nowMs())
    writeSecretFile(certificatePath, certificatePem)
  }
  const ca = new X509Certificate(certificatePem)
  const keyIdentifier = await AuthorityKeyIdentifierExtension.create(ca.publicKey)
  // What is the same in every certificate is made once: building and reading it takes longer than signing.
  const issuer = ca.subjectName
  const endOfChain = new BasicConstraintsExtension(false, undefined, true)
  const signs = new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true)
  const ofDevice = new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth], true)
  const ofServer = new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth], true)
  const issue = (
    subject: string,
    publicKey: webcrypto.CryptoKey | PublicKey,
    lifeMs: number,
    extensions: Extension[],
  ) => {
    const serial = serialFrom(random)
    const notAfter = secondsOnly(Math.min(nowMs() + lifeMs, ca.notAfter.getTime()))
    return X509CertificateGenerator.create({
      serialNumber: serial,
      subject: [{ CN: [subject] }],
      issuer,
      notBefore: new Date(nowMs() - backdatedMs),
      notAfter: new Date(notAfter),
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm,
      extensions: [endOfChain, keyIdentifier, ...extensions],
    }).then((certificate) => ({ serial, notAfter, pem: `${certificate.toString('pem')}\n` }))
  }
  return {
    certificatePem,
    pin: createHash('sha256').update(new Uint8Array(ca.publicKey.rawData)).digest('base64url'),
    issueDevice: async (device, spki, validMs) =>
      issue(device, new PublicKey(new Uint8Array(spki)), validMs, [signs, ofDevice]),
    async issueServer(names) {
      const own = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
      const { pem, notAfter } = await issue(names[0] ?? 'recourse', own.publicKey, serverLifeMs, [
        signs,
        ofServer,
        new SubjectAlternativeNameExtension(names.map(generalName)),
      ])
      return { chainPem: pem + certificatePem, keyPem: await pemOf(own.privateKey), notAfter }
    },
    async revocationList(revoked) {
      const list = await X509CrlGenerator.create({
        issuer,
        thisUpdate: new Date(nowMs() - backdatedMs),
        nextUpdate: new Date(nowMs() + crlLifeMs),
        entries: revoked.map(({ serial, at }) => ({
          serialNumber: serial,
          revocationDate: new Date(Math.min(at, nowMs())),
          reason: X509CrlReason.cessationOfOperation,
        })),
        extensions: [keyIdentifier],
        signingKey: keys.privateKey,
        signingAlgorithm,
      })
      // The label `CRL`, which the library writes by itself, is one that TLS does not read.
      return `${PemConverter.encode(list.rawData, 'X509 CRL')}\n`
    },
  }
}

async function authorityKeys(
  path: string,
): Promise<{ privateKey: webcrypto.CryptoKey; publicKey: webcrypto.CryptoKey | null }> {
  const found = readIfThere(path)
  if (found !== null) {
    const der = new Uint8Array(createPrivateKey(found).export({ type: 'pkcs8', format: 'der' }))
    const privateKey = await webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, true, ['sign'])
    return { privateKey: privateKey, publicKey: null }
  }
  const made = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
  writeSecretFile(path, await pemOf(made.privateKey))
  return { privateKey: made.privateKey, publicKey: made.publicKey }
}

async function selfSigned(
  keys: { privateKey: webcrypto.CryptoKey; publicKey: webcrypto.CryptoKey | null },
  serialNumber: string,
  nowMs: number,
): Promise<string> {
  const publicKey = keys.publicKey ?? (await publicOf(keys.privateKey))
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber,
    name: [{ CN: ['Recourse control plane'] }],
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(nowMs + caLifeMs),
    keys: { privateKey: keys.privateKey, publicKey },
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

async function publicOf(privateKey: webcrypto.CryptoKey): Promise<webcrypto.CryptoKey> {
  const { d: _secret, key_ops: _uses, ...jwk } = await webcrypto.subtle.exportKey('jwk', privateKey)
  return await webcrypto.subtle.importKey('jwk', jwk, keyAlgorithm, true, ['verify'])
}

const pemOf = async (key: webcrypto.CryptoKey) =>
  `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`

/** 16 random bytes, first byte neither zero nor negative as DER sees it, so that the number has one spelling. */
function serialFrom(random: (bytes: number) => Uint8Array): string {
  const bytes = Buffer.from(random(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

/** Certificates tell time in whole seconds. */
const secondsOnly = (timeMs: number) => Math.floor(timeMs / 1_000) * 1_000

const generalName = (name: string): JsonGeneralName => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name })
