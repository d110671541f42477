import { existsSync, globSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { readIdentity } from '../agent/link/identity.ts'
import { leasePorts } from '../simulator/network/ports.ts'
import { countKept } from '../simulator/start-fleet.ts'
import { type RunningStart, runNpmStart, setUpAlone } from '../tests/kit/npm-start.ts'

let data: string
let port: number
beforeEach(async () => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'recourse-start-')))
  port = await leasePorts(4)
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

const begin = () => runNpmStart('--data', data, '--port', String(port))

const password = 'a password of twelve'
const place = () => `http://127.0.0.1:${port}`
const deviceList = z.object({
  devices: z.array(
    z.object({ id: z.string(), name: z.string(), group: z.string(), simulated: z.boolean(), connected: z.boolean() }),
  ),
})
const actionList = z.object({
  items: z.array(z.object({ device: z.object({ id: z.string() }), status: z.string(), requestedBy: z.string() })),
})

/** Asks the API as `admin`, who is set up by then. */
async function signedIn() {
  const headers = { 'content-type': 'application/json', 'recourse-client': 'test' }
  const body = JSON.stringify({ name: 'admin', password })
  const answer = await fetch(`${place()}/v1/sign-in`, { method: 'POST', headers, body })
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  return async <T>(path: string, schema: z.ZodType<T>): Promise<T> =>
    schema.parse(await (await fetch(`${place()}${path}`, { headers: { cookie } })).json())
}

/** The simulated devices, once all are there. */
async function simulatedOf(ask: Awaited<ReturnType<typeof signedIn>>): Promise<string[]> {
  const devices = async () => (await ask('/v1/devices?limit=200', deviceList)).devices
  const connected = async () => (await devices()).filter((it) => it.simulated && it.connected).length
  // A laptop or two may sleep.
  await expect.poll(connected, { timeout: 300_000 }).toBeGreaterThan(20)
  const [first, ...rest] = await devices()
  expect(first?.simulated).toBe(false)
  expect(first?.name.startsWith('sim-')).toBe(false)
  for (const { name, group, simulated } of rest) {
    expect(simulated).toBe(true)
    expect(name).toMatch(/^sim-/)
    expect(group).toBe('Simulated devices')
  }
  return rest.map(({ id }) => id)
}

/** Processes of agents that work in this folder, by what they were started with. */
const agentsIn = (folder: string): number[] =>
  globSync('/proc/[0-9]*/cmdline').flatMap((file) => {
    const words = wordsIn(file)
    return words.includes('run') && words.includes(join(folder, 'agent')) ? [Number(file.split('/')[2])] : []
  })

function wordsIn(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\0')
  } catch {
    // It ended between the list and the look.
    return []
  }
}

test('npm start enrols this machine by itself, says what to do, ends whole at Ctrl-C, and goes on where it was', async () => {
  let device: string | undefined
  {
    await using first = begin()
    await first.hears(/Ctrl-C stops everything/)
    expect(first.said()).toContain(`http://127.0.0.1:${port}/setup#`)
    expect(first.said()).toContain(`confined by its local policy to ${data}/playground`)
    expect(first.said()).not.toContain('NOT connected')
    device = readIdentity(join(data, 'agent'))?.deviceId

    const second = begin()
    expect(await second.ended).toBe(1)
    expect(second.said()).toMatch(new RegExp(`runs from ${data} already: process \\d+ since .*, at http://127`))

    await first.interrupt()
    expect(first.said()).toContain('Stopping')
    expect(first.said()).not.toContain('while stopping')
    expect(existsSync(join(data, 'running.json')), first.said()).toBe(false)
  }
  expect(agentsIn(data)).toEqual([])
  await using again = runNpmStart('--data', data)
  await again.hears(/Ctrl-C stops everything/)
  expect(again.said()).toContain(`http://127.0.0.1:${port}`)
  expect(again.said()).not.toContain('NOT connected')
  expect(readIdentity(join(data, 'agent'))?.deviceId).toBe(device)
})

test('an agent that is killed is started again, and one whose start is killed ends too', async () => {
  await using start = begin()
  await start.hears(/Ctrl-C stops everything/)
  const [first] = agentsIn(data)
  expect(first).toBeDefined()
  if (first !== undefined) process.kill(first, 'SIGKILL')
  await start.hears(/The agent has ended \(SIGKILL\)/)
  await expect.poll(() => agentsIn(data).length, { timeout: 300_000 }).toBe(1)
  expect(agentsIn(data)).not.toContain(first)

  const { pid } = JSON.parse(readFileSync(join(data, 'running.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await start.ended
  await expect.poll(() => agentsIn(data), { timeout: 300_000 }).toEqual([])
})

test('[SIM1] a simulated fleet fills the place with a story, never touches the real device, and is the same one at the next start', async () => {
  const stories = async (start: RunningStart) => {
    await start.hears(/The simulated fleet is there after .*: 25 devices/)
    const ask = await signedIn()
    const simulated = await simulatedOf(ask)
    const rows = async () => (await ask('/v1/actions?limit=200', actionList)).items
    const seen = async () => ({
      waits: (await rows()).some(({ status }) => status === 'pending-approval'),
      happened: (await rows()).some(({ status }) => status === 'succeeded'),
    })
    await expect.poll(seen, { timeout: 300_000, interval: 500 }).toEqual({ waits: true, happened: true })
    for (const { device, requestedBy } of await rows()) {
      expect(simulated).toContain(device.id)
      expect(['simulated-asker', 'automated investigation']).toContain(requestedBy)
    }
    return simulated
  }
  let before: string[]
  {
    await using first = begin()
    const [setUpUrl] = await first.hears(/http:\S+\/setup#\S+/)
    await first.hears(/Ctrl-C stops everything/)
    await setUpAlone(setUpUrl, password)
    before = await stories(first)
    expect(before).toHaveLength(25)
    const { pid } = JSON.parse(readFileSync(join(data, 'running.json'), 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
    await first.ended
  }
  await using again = begin()
  await again.hears(/Ctrl-C stops everything/)
  expect(await stories(again)).toEqual(before)
})

test('[SIM1] with --empty there is the real device and nobody else', async () => {
  await using start = runNpmStart('--data', data, '--port', String(port), '--empty')
  const [setUpUrl] = await start.hears(/http:\S+\/setup#\S+/)
  await start.hears(/Ctrl-C stops everything/)
  expect(start.said()).not.toContain('simulated')
  await setUpAlone(setUpUrl, password)
  const { devices } = await (await signedIn())('/v1/devices', deviceList)
  expect(devices).toMatchObject([{ simulated: false }])
  expect(countKept(join(data, 'fleet'), 25)).toBe(0)
})
