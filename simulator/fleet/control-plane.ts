import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { leasePorts } from '../network/ports.ts'
import type { Place } from '../network/relay.ts'

/** A control plane as the simulator reaches it: only over the wire. */
export interface Plane {
  /** Where people and programs come. */
  readonly url: string
  /** The one-time link, when nobody has set it up yet. */
  readonly setUpUrl: string | null
  readonly enrolAt: Place
  /** Null when only devices know it, by their enrolment. */
  readonly gatewayAt: Place | null
  /** Null for one that is not ours. */
  readonly own: OwnPlane | null
}

/** What can be done to a control plane of our own. */
export interface OwnPlane {
  readonly pid: () => number | null
  /** Its resident bytes once it has collected its garbage; null when it ends before it answers. */
  weigh(): Promise<number | null>
  /** `kill -9`. */
  kill(): Promise<void>
  /** Ends it in order. */
  stop(): Promise<void>
  /** Starts it again over the same data, at the same ports. */
  start(): Promise<void>
  /** Ends it at once and removes its data. */
  dispose(): Promise<void>
}

const root = join(import.meta.dirname, '../..')
const startWithinMs = 60_000

/**
 * Starts a control plane as a child process, with a data folder of its own, on free ports. People reach it on loopback, and so do devices
 * unless `deviceHost` is another address of this machine; then they come there straight, without a network of ours between.
 */
export async function startControlPlane({
  deviceHost = '127.0.0.1',
}: {
  readonly deviceHost?: string
} = {}): Promise<Plane & { readonly own: OwnPlane }> {
  const onLoopback = deviceHost === '127.0.0.1'
  const folder = mkdtempSync(join(tmpdir(), 'recourse-sim-plane-'))
  const web = await leasePorts(4)
  const [gateway, enrol, canary] = [web + 1, web + 2, web + 3]
  let child: ChildProcess | null = null
  let setUpUrl: string | null = null

  const start = async () => {
    const started = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        '--expose-gc',
        '--import',
        join(import.meta.dirname, 'weigh-in.ts'),
        join(root, 'server/main.ts'),
        '--data',
        folder,
        '--listen',
        `127.0.0.1:${web}`,
        '--device-host',
        deviceHost,
        '--gateway-port',
        String(gateway),
        '--enrol-port',
        String(enrol),
        '--canary-port',
        String(canary),
        // A name, not an address: certificates are then for the name, whatever address a device is led to.
        '--public-host',
        onLoopback ? 'localhost' : deviceHost,
        '--log-level',
        process.env['LOG_LEVEL'] ?? 'error',
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
    )
    child = started
    setUpUrl ??= await heard(started, setUpUrl === null)
  }
  // However this process ends, as far as it can see to it.
  const end = () => child?.kill('SIGKILL')
  process.once('exit', end)
  const gone = async (signal: NodeJS.Signals) => {
    const ending = child
    child = null
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill(signal)
    await ended
  }
  try {
    await start()
  } catch (failure) {
    await gone('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
    throw failure
  }
  const own: OwnPlane = {
    pid: () => child?.pid ?? null,
    weigh: async () => (child === null ? null : weigh(child)),
    kill: () => gone('SIGKILL'),
    stop: () => gone('SIGTERM'),
    start,
    async dispose() {
      process.off('exit', end)
      // What it would bring to an orderly end is thrown away with it; on a busy machine that end takes its time.
      await gone('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return {
    url: `http://127.0.0.1:${web}`,
    setUpUrl,
    enrolAt: { host: deviceHost, port: enrol },
    gatewayAt: onLoopback ? { host: deviceHost, port: gateway } : null,
    own,
  }
}

const weigh = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    const done = (bytes: number | null) => {
      child.off('message', heard)
      child.off('exit', ended)
      resolve(bytes)
    }
    const heard = (bytes: unknown) => done(typeof bytes === 'number' ? bytes : null)
    const ended = () => done(null)
    child.on('message', heard)
    child.on('exit', ended)
    child.send('weigh', (failed) => {
      if (failed !== null) done(null)
    })
  })

/** Resolves once the server says where it is; with the set-up link when one is expected, which a new one prints and an older one does not. */
function heard(child: ChildProcess, expected: boolean): Promise<string | null> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) return reject(new Error('the control plane has no output'))
    const fail = (why: string) => reject(new Error(`the control plane did not start: ${why}`))
    const late = setTimeout(() => fail('no word within a minute'), startWithinMs)
    const done = (setUpUrl: string | null) => {
      clearTimeout(late)
      resolve(setUpUrl)
    }
    child.once('exit', (code, signal) => fail(`it ended with ${code ?? signal}`))
    createInterface(child.stdout).on('line', (line) => {
      if (!expected && line.startsWith('Recourse is at ')) done(null)
      if (expected && line.includes('/setup#')) done(line.slice(line.indexOf('http')))
    })
  })
}
