import { existsSync, globSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readIdentity } from '../agent/link/identity.ts'
import { freePorts, runNpmStart } from '../tests/kit/npm-start.ts'

let data: string
let port: number
beforeEach(async () => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'recourse-start-')))
  port = await freePorts()
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

const begin = () => runNpmStart('--data', data, '--port', String(port))

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
  }
  expect(agentsIn(data)).toEqual([])
  expect(existsSync(join(data, 'running.json'))).toBe(false)
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
  await expect.poll(() => agentsIn(data).length, { timeout: 20_000 }).toBe(1)
  expect(agentsIn(data)).not.toContain(first)

  const { pid } = JSON.parse(readFileSync(join(data, 'running.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await start.ended
  await expect.poll(() => agentsIn(data), { timeout: 20_000 }).toEqual([])
})
