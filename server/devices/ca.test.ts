import 'reflect-metadata'
import { createPublicKey, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { newTestSource } from '../test-app.ts'
import { openAuthority } from './ca.ts'
import { readCertificateRequest } from './certificate-request.ts'

const root = mkdtempSync(join(tmpdir(), 'recourse-ca-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const source = newTestSource('ca')
const device = '01920000-0000-7000-8000-000000000001' as DeviceId
const spki = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })

describe('[TRU1] the certificate authority', () => {
  test('is made once, with a key that only its user can read', async () => {
    const directory = join(root, 'once')
    const first = await openAuthority({ directory, source })
    const second = await openAuthority({ directory, source })
    expect(second.certificatePem).toBe(first.certificatePem)
    expect(statSync(join(directory, 'key.pem')).mode & 0o777).toBe(0o600)
    expect(new X509Certificate(first.certificatePem).ca).toBe(true)
  })

  test('keeps its pin when a crash left it with a key and no certificate', async () => {
    const directory = join(root, 'half')
    const { pin } = await openAuthority({ directory, source })
    rmSync(join(directory, 'certificate.pem'))
    expect((await openAuthority({ directory, source })).pin).toBe(pin)
  })

  test('issues for a device its id, its use as a client alone, and the life that was asked for', async () => {
    const authority = await openAuthority({ directory: join(root, 'device'), source })
    const key = spki()
    const issued = await authority.issueDevice(device, key, 86_400_000)
    const certificate = new X509Certificate(issued.pem)
    const ca = new X509Certificate(authority.certificatePem)
    expect(certificate.subject).toBe(`CN=${device}`)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(certificate.verify(ca.publicKey) && certificate.checkIssued(ca)).toBe(true)
    expect(certificate.publicKey.equals(createPublicKey({ key, format: 'der', type: 'spki' }))).toBe(true)
    expect(certificate.serialNumber.toLowerCase()).toBe(issued.serial)
    expect(issued.notAfter).toBe(source.nowMs() + 86_400_000)
    expect(Date.parse(certificate.validTo)).toBe(issued.notAfter)
  })

  test('never issues beyond its own end', async () => {
    const authority = await openAuthority({ directory: join(root, 'end'), source })
    const issued = await authority.issueDevice(device, spki(), 1_000 * 365 * 86_400_000)
    expect(issued.notAfter).toBe(Date.parse(new X509Certificate(authority.certificatePem).validTo))
  })

  test('names every name and address in a server certificate, and its use as a server alone', async () => {
    const authority = await openAuthority({ directory: join(root, 'server'), source })
    const { chainPem, keyPem } = await authority.issueServer(['control.example', '192.0.2.1', '2001:db8::1'])
    const certificate = new X509Certificate(chainPem)
    expect(certificate.checkHost('control.example')).toBe('control.example')
    expect(certificate.checkIP('192.0.2.1')).toBe('192.0.2.1')
    expect(certificate.checkIP('2001:db8::1')).toBe('2001:db8::1')
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(chainPem.endsWith(authority.certificatePem)).toBe(true)
    expect(keyPem).toContain('BEGIN PRIVATE KEY')
  })

  test('writes a revocation list that TLS takes, with the serial numbers in it', async () => {
    const authority = await openAuthority({ directory: join(root, 'crl'), source })
    const { serial } = await authority.issueDevice(device, spki(), 86_400_000)
    const crl = await authority.revocationList([{ serial, at: source.nowMs() }])
    expect(() => createSecureContext({ ca: authority.certificatePem, crl })).not.toThrow()
    const hex = Buffer.from(crl.split('\n').slice(1, -2).join(''), 'base64').toString('hex')
    expect(hex).toContain(serial)
  })
})

describe('[TRU6] a certificate request', () => {
  test('with an Ed25519 key is read, whatever it says of its subject', async () => {
    const keys = await webcrypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
    if (!('privateKey' in keys)) throw new Error('a pair was asked for')
    const request = await Pkcs10CertificateRequestGenerator.create({
      name: 'CN=someone else, O=x',
      keys,
      signingAlgorithm: { name: 'Ed25519' },
    })
    const read = await readCertificateRequest(request.toString('pem'))
    const expected = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey))
    expect(expected.equals(Buffer.from(read?.spki ?? []))).toBe(true)
  })

  test('of hostile bytes is no request, and nothing worse', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.integer({ min: 1, max: 8_000 }).map((length) => new Uint8Array(length).fill(0x30)),
      fc
        .integer({ min: 1, max: 4_000 })
        .map((depth) => Uint8Array.from({ length: depth * 2 }, (_, at) => (at % 2 === 0 ? 0x30 : 0x80))),
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (hostile) => {
        expect(await readCertificateRequest(hostile)).toBeNull()
        const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(hostile).toString('base64')}\n-----END CERTIFICATE REQUEST-----`
        expect(await readCertificateRequest(pem)).toBeNull()
      }),
      { numRuns: 300 },
    )
    expect(await readCertificateRequest('')).toBeNull()
    expect(await readCertificateRequest('x'.repeat(1_000_000))).toBeNull()
  })
})
