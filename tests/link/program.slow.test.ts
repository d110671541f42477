import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exitCodes } from '../../agent/commands/endings.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { bundleAgent } from '../../scripts/bundle.ts'
import { type Plane, startPlane } from './control-plane.ts'
import { until } from './device.ts'
import { decide } from './sign-order.ts'

// Not in /tmp: a file of the test must not lie on another file system than the vault.
const place = mkdtempSync('/var/tmp/recourse-program-')
const program = join(place, 'bundle', 'recourse-agent.cjs')
const state = join(place, 'state')
const settings = ['--state', state, '--policy', join(place, 'no-policy.json')]
let plane: Plane
let device: DeviceId
let agent: ChildProcess | null = null

beforeAll(async () => {
  await bundleAgent({ entry: join(import.meta.dirname, '../../agent/main.ts'), outputFolder: join(place, 'bundle') })
  plane = await startPlane()
})
afterAll(async () => {
  if (agent?.exitCode === null) agent.kill('SIGKILL')
  await plane.stop()
  rmSync(place, { recursive: true, force: true })
})

interface Said {
  readonly code: number
  readonly out: string
  readonly error: string
}

/** Runs a command of the bundled agent to its end. */
const call = (...args: string[]): Promise<Said> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, ...args, ...settings], (failure, out, error) => {
      resolve({ code: typeof failure?.code === 'number' ? failure.code : 0, out, error })
    })
  })
const json = ({ out }: Said): unknown => JSON.parse(out)

async function run(): Promise<void> {
  agent = spawn(process.execPath, [program, 'run', ...settings], { stdio: ['ignore', 'ignore', 'inherit'] })
  await until(() => plane.gateway.connected(device))
}
const end = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => {
    child.on('exit', (code) => resolve(code))
    child.kill('SIGTERM')
  })
const stop = async () => expect(agent === null ? null : await end(agent)).toBe(exitCodes.done.code)

/** Quarantines a new file on the device; its action and its place. */
async function quarantined(name: string) {
  const path = join(place, name)
  const content = randomBytes(1_000)
  writeFileSync(path, content)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const action = decide(plane, device, 'quarantine-file', { path, sha256 })
  await until(() => plane.actions.taken.some(({ report }) => report.kind === 'ended' && report.actionId === action))
  expect(existsSync(path)).toBe(false)
  return { action, path, isBack: () => existsSync(path) && readFileSync(path).equals(content) }
}
const code = async () => (await plane.breakGlass.reveal(device, 'operator:test'))?.[0]?.code ?? ''
const toldOfUndo = (action: string) => () =>
  plane.actions.taken.some(
    ({ report }) => report.kind === 'effect' && report.actionId === action && report.cause === 'break-glass',
  )

describe('the agent as a program', () => {
  test('says what is missing: enrolment, a good token, a control plane', async () => {
    expect(await call('status')).toMatchObject({ code: exitCodes.notEnrolled.code })
    expect(await call('run')).toMatchObject({ code: exitCodes.notEnrolled.code })
    expect(await call('in-force')).toMatchObject({ code: exitCodes.notEnrolled.code })
    expect(await call('frobnicate')).toMatchObject({ code: exitCodes.usage.code })
    const server = `127.0.0.1:${plane.enrolPort}`
    expect(await call('enrol', '--server', server, '--token', 'x')).toMatchObject({ code: exitCodes.refused.code })
    const token = await plane.token()
    expect(await call('enrol', '--server', '127.0.0.1:1', '--token', token)).toMatchObject({
      code: exitCodes.unreachable.code,
    })
  })

  test('keeps to what Node 22 understands, in letters that cost one byte of memory each', () => {
    const code = readFileSync(program, 'utf8')
    expect(code).not.toMatch(/^\s*(await )?using \w+ =/m)
    expect(code).toMatch(/^[\n\r\t -~]*$/)
  })

  test('[TRU1] enrols once, with the token in a file', async () => {
    const file = join(place, 'token')
    writeFileSync(file, `${await plane.token(2)}\n`)
    const args = ['enrol', '--server', `127.0.0.1:${plane.enrolPort}`, '--token', `@${file}`]
    const first = await call(...args, '--json')
    expect(first.code).toBe(0)
    device = (json(first) as { deviceId: DeviceId }).deviceId
    expect(await call(...args)).toMatchObject({ code: exitCodes.refused.code })
    expect(await call('status')).toMatchObject({ code: exitCodes.unreachable.code })
  })

  test('runs, says how it stands, and shares its folder with nobody', async () => {
    await run()
    await until(async () => (await call('status')).code === 0)
    expect(json(await call('status', '--json'))).toMatchObject({ running: true, deviceId: device, link: 'connected' })
    const second = await call('run')
    expect(second).toMatchObject({ code: exitCodes.locked.code })
    expect(plane.gateway.connected(device)).toBe(true)
  })

  test('[UND7] undoes with a break-glass code while it runs, and tells the control plane', async () => {
    const file = await quarantined('running.bin')
    expect(json(await call('in-force', '--json'))).toMatchObject([{ actionId: file.action, effect: 'in-force' }])
    expect(await call('verify-vault')).toMatchObject({ code: 0 })
    expect(await call('undo', file.action, '--code', 'AAAAA-AAAAA-AAAAA-AAAAA')).toMatchObject({
      code: exitCodes.refused.code,
    })
    expect(file.isBack()).toBe(false)
    expect(await call('undo', file.action, '--code', await code())).toMatchObject({ code: 0 })
    expect(file.isBack()).toBe(true)
    await until(toldOfUndo(file.action))
    await stop()
  })

  test('[UND7] undoes with a break-glass code when no agent runs; the control plane hears of it later', async () => {
    await run()
    const file = await quarantined('resting.bin')
    // The code that was shown is used up: the device was given another one when it came back.
    await until(async () => ((await plane.breakGlass.reveal(device, 'operator:test'))?.length ?? 0) > 1)
    await stop()
    expect(json(await call('in-force', '--json'))).toMatchObject([{ actionId: file.action }])
    expect(await call('verify-vault')).toMatchObject({ code: 0 })
    expect(await call('undo', file.action, '--code', await code())).toMatchObject({ code: 0 })
    expect(file.isBack()).toBe(true)
    expect(toldOfUndo(file.action)()).toBe(false)
    await run()
    await until(toldOfUndo(file.action))
    expect(json(await call('in-force', '--json'))).toEqual([])
    await stop()
  })

  test('a damaged vault is said by the exit code', async () => {
    await run()
    await quarantined('damaged.bin')
    await stop()
    const folder = join(state, 'vault', 'sealed')
    const [blob] = readdirSync(folder)
    const bytes = readFileSync(join(folder, blob ?? ''))
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    chmodSync(join(folder, blob ?? ''), 0o600)
    writeFileSync(join(folder, blob ?? ''), bytes)
    expect(await call('verify-vault')).toMatchObject({ code: exitCodes.notClean.code })
  })
})
