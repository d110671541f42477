import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificateRequestPem } from '../../agent/link/certificate-request.ts'
import { enrol } from '../../agent/link/enrol.ts'
import { readIdentity } from '../../agent/link/identity.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { getDevice, listDevices } from '../../server/devices/devices.ts'
import { listTokens, withdrawToken } from '../../server/devices/tokens.ts'
import { type Plane, startPlane } from './control-plane.ts'
import { facts, newFolder } from './device.ts'

let plane: Plane
beforeAll(async () => {
  plane = await startPlane()
})
afterAll(() => plane.stop())

const wish = (token: string, folder = newFolder()) => ({
  folder,
  host: '127.0.0.1',
  port: plane.enrolPort,
  token,
  facts,
})
const count = async () => (await listDevices(plane.deps, { limit: 1_000 })).devices.length

describe('[TRU1] enrolment', () => {
  test('makes a key on the device, proves it, and keeps certificate, CA, gateway, canary and mandate keys', async () => {
    const before = await count()
    const folder = newFolder()
    const { identity, address } = await enrol(wish(await plane.token(), folder))
    expect(readIdentity(folder)).toEqual(identity)
    expect(address).toBe('127.0.0.1')
    const certificate = new X509Certificate(identity.certificatePem)
    expect(certificate.subject).toBe(`CN=${identity.deviceId}`)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(certificate.ca).toBe(false)
    expect(certificate.checkPrivateKey(createPrivateKey(identity.privateKeyPem))).toBe(true)
    expect(identity.mandateKeys).toEqual(plane.keys.known())
    expect(await count()).toBe(before + 1)
    expect(await getDevice(plane.deps, identity.deviceId)).toMatchObject({
      name: 'web-01',
      group: 'Ungrouped devices (default)',
      tags: ['servers'],
      status: 'active',
      facts,
    })
    expect(await plane.auditKinds()).toContain('device.enrolled')
  })

  test('the private key is in a file of this user alone, and never on the wire', async () => {
    const folder = newFolder()
    const { identity } = await enrol(wish(await plane.token(), folder))
    expect(statSync(join(folder, 'identity.json')).mode & 0o777).toBe(0o600)
    expect(existsSync(join(folder, 'enrolling.json'))).toBe(false)
    const rows = await plane.store.read.selectFrom('certificate').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain('PRIVATE KEY')
    expect(readFileSync(join(folder, 'identity.json'), 'utf8')).toContain(JSON.stringify(identity.privateKeyPem))
  })

  test('a server that does not show the CA of the token gets neither token nor request', async () => {
    const other = await startPlane()
    const token = await other.token()
    await expect(enrol(wish(token))).rejects.toMatchObject({ code: 'server_untrusted' })
    await other.stop()
  })

  test('a CA that is shown but has not signed the server does not help', async () => {
    // The impostor has the pinned CA's certificate, which is public, but not its key.
    const impostor = await startPlane()
    const chain = await impostor.authority.issueServer(['127.0.0.1'])
    const { createServer } = await import('node:https')
    let asked = 0
    const server = createServer(
      {
        key: chain.keyPem,
        cert: `${chain.chainPem.split(/(?<=-----END CERTIFICATE-----\n)/)[0]}${plane.authority.certificatePem}`,
      },
      () => asked++,
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const port = (server.address() as { port: number }).port
    const token = await plane.token()
    await expect(enrol({ ...wish(token), port })).rejects.toMatchObject({ code: 'server_untrusted' })
    expect(asked).toBe(0)
    server.close()
    await impostor.stop()
  })

  test('a token lets in as many devices as it says, also when all come at once', async () => {
    const token = await plane.token(3)
    const before = await count()
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => enrol(wish(token))))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'token_invalid' })
    expect(await count()).toBe(before + 3)
  })

  test('an expired, a withdrawn, a foreign and a malformed token are all just invalid', async () => {
    const invalid = { code: 'token_invalid' }
    await expect(enrol(wish(await plane.token(1, -1)))).rejects.toMatchObject(invalid)
    const withdrawn = await plane.token()
    const [newest] = await listTokens(plane.deps)
    expect(await withdrawToken(plane.deps, newest?.id ?? '', 'operator:test')).toBe(true)
    await expect(enrol(wish(withdrawn))).rejects.toMatchObject(invalid)
    const good = await plane.token()
    const [head, id, secret, pin] = good.split('.')
    await expect(enrol(wish([head, id, `${secret?.slice(1)}A`, pin].join('.')))).rejects.toMatchObject(invalid)
    await expect(enrol(wish('rce1.nonsense'))).rejects.toMatchObject(invalid)
  })

  test('a lost answer: the same device asks again, is the same device, and no further use is taken', async () => {
    const token = await plane.token(1)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const before = await count()
    const answers = []
    for (let time = 0; time < 3; time++)
      answers.push(await post({ token, csrPem: certificateRequestPem(privateKey), facts }))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    const ids = new Set(answers.map(({ body }) => (body as { deviceId: DeviceId }).deviceId))
    expect(ids.size).toBe(1)
    expect(await count()).toBe(before + 1)
  })

  test('the same request twice at the same moment makes one device', async () => {
    const token = await plane.token(2)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const csrPem = certificateRequestPem(privateKey)
    const before = await count()
    const answers = await Promise.all(Array.from({ length: 4 }, () => post({ token, csrPem, facts })))
    expect(new Set(answers.map(({ body }) => (body as { deviceId: DeviceId }).deviceId)).size).toBe(1)
    expect(await count()).toBe(before + 1)
  })

  test('a crash after the key was written resumes with that key', async () => {
    const folder = newFolder()
    await expect(enrol({ ...wish(await plane.token(), folder), port: 1 })).rejects.toMatchObject({ code: 'io_failed' })
    await expect(enrol(wish('rce1.nonsense', folder))).rejects.toMatchObject({ code: 'token_invalid' })
    const token = await plane.token()
    // The answer gets lost on the way: as if the agent died after the control plane had decided.
    const { enrollingKey } = await import('../../agent/link/identity.ts')
    const lost = await post({ token, csrPem: certificateRequestPem(createPrivateKey(enrollingKey(folder))), facts })
    expect(lost.status).toBe(200)
    const { identity } = await enrol(wish(token, folder))
    expect(identity.deviceId).toBe((lost.body as { deviceId: string }).deviceId)
    expect(existsSync(join(folder, 'enrolling.json'))).toBe(false)
  })

  test('keys that are neither P-256 nor Ed25519, and requests that do not prove their key, are refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const answer = await post({ token: await plane.token(), csrPem: certificateRequestPem(privateKey), facts })
    expect(answer).toMatchObject({ status: 400, body: { code: 'certificate_request_invalid' } })
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const der = Buffer.from(certificateRequestPem(own).split('\n').slice(1, -2).join(''), 'base64')
    der[60] = (der[60] ?? 0) ^ 1
    const csrPem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
    const changed = await post({ token: await plane.token(), csrPem, facts })
    expect(changed).toMatchObject({ status: 400, body: { code: 'certificate_request_invalid' } })
  })

  test('[TRU6] nothing else can be asked at this port, and what is asked is bounded', async () => {
    expect((await post({}, '/')).status).toBe(404)
    expect((await post({ token: 1 })).status).toBe(400)
    expect((await post('x'.repeat(300_000)).catch(() => ({ status: 'cut off' }))).status).not.toBe(200)
  })
})

function post(body: unknown, path = '/enrol'): Promise<{ status: number | undefined; body: unknown }> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: plane.enrolPort,
        path,
        method: 'POST',
        ca: plane.authority.certificatePem,
        agent: false,
      },
      (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, body: text === '' ? null : JSON.parse(text) }))
      },
    )
    call.on('error', reject)
    call.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
}
