import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { access } from './http/access.ts'
import { type RunningServer, type ServerOptions, startServer } from './server.ts'
import { testPassword } from './test-app.ts'

let folder: string
const started: RunningServer[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-whole-'))
})
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const anyPort = { host: '127.0.0.1', port: 0 }
const begin = async (options: Partial<ServerOptions> = {}) => {
  const server = await startServer({
    dataFolder: folder,
    web: anyPort,
    gateway: anyPort,
    enrol: anyPort,
    canary: anyPort,
    publicHost: '127.0.0.1',
    log: pino({ level: 'silent' }),
    ...options,
  })
  started.push(server)
  return server
}
const post = (url: string, body: unknown) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

test('a fresh control plane prints a link that makes the first administrator, and none when it starts again', async () => {
  const first = await begin()
  const link = new URL(first.setUpUrl ?? '')
  expect((await fetch(link)).status).toBe(200)
  const wish = { secret: link.hash.slice(1), name: 'root', password: testPassword }
  expect((await post(`${first.url}/v1/setup`, wish)).status).toBe(201)
  await first.stop()
  const second = await begin()
  expect(second.setUpUrl).toBeNull()
  expect((await post(`${second.url}/v1/sign-in`, { name: 'root', password: testPassword })).status).toBe(200)
})

test('[ACC3] every rule of access has its route, and the other way round', async () => {
  // Without a built dashboard the plain set-up page has its routes too.
  const server = await begin({ dashboardFolder: join(folder, 'no-dashboard') })
  const missing = Object.keys(access).filter((route) => {
    const [method = '', url = ''] = route.split(' ')
    return !server.app.hasRoute({ method, url })
  })
  expect(missing).toEqual([])
})

test('it stops as often as it is told to, and lets go of its data', async () => {
  const server = await begin()
  await Promise.all([server.stop(), server.stop()])
  await expect(fetch(server.url)).rejects.toThrow('fetch failed')
  await begin()
})

test('when a port is taken, what had started is stopped again', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await expect(begin({ web: { host: '127.0.0.1', port } })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await begin()
  await new Promise((resolve) => other.close(resolve))
})

test('one process holds the data: another start is told so and harms nothing', async () => {
  const server = await begin()
  await expect(begin()).rejects.toMatchObject({ code: 'store_locked' })
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
})

test('passwords do not cross a network in the clear', async () => {
  await expect(begin({ web: { host: '0.0.0.0', port: 0 } })).rejects.toMatchObject({ code: 'not_permitted' })
  const behindProxy = await begin({ web: { host: '0.0.0.0', port: 0 }, publicUrl: 'https://recourse.example' })
  expect(behindProxy.setUpUrl).toMatch(/^https:\/\/recourse\.example\/setup#/)
})
