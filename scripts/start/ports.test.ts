import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { choosePorts, defaultPorts, isPortFree, portsFrom } from './ports.ts'

const without =
  (...taken: number[]) =>
  async (port: number) =>
    !taken.includes(port)

test('a start takes the ports of the documentation when they are free', async () => {
  expect(await choosePorts(defaultPorts, without())).toEqual({ ports: defaultPorts, moved: [] })
  expect(portsFrom(7300)).toEqual(defaultPorts)
})

test('only what is taken moves, to the next free port behind all of them, and is named', async () => {
  const chosen = await choosePorts(defaultPorts, without(7300, 7302, 7304, 7306))
  expect(chosen.ports).toEqual({ web: 7305, gateway: 7301, enrol: 7307, canary: 7303 })
  expect(chosen.moved).toEqual([
    { name: 'web', from: 7300, to: 7305 },
    { name: 'enrol', from: 7302, to: 7307 },
  ])
})

test('when the numbers are used up, it says so instead of searching for ever', async () => {
  await expect(choosePorts(portsFrom(65_532), without(65_532))).rejects.toThrow('no free port')
})

test('a port is not free while somebody listens on it, on this address or on all', async () => {
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    expect(await isPortFree(address.port)).toBe(false)
    server.close()
    await once(server, 'close')
    expect(await isPortFree(address.port)).toBe(true)
  }
})
