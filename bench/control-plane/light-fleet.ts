import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import { asOperated } from '../as-operated.ts'
import type { FromBare, ToBare } from './bare.ts'
import type { FleetCounts, FromFleet, ToFleet } from './light-devices.ts'
import type { FromPlane, Usage } from './plane.ts'
import { seedFleet } from './seed.ts'

/** A control plane, its devices, and the bare code beside them; each in a process of its own. */
export interface LightFleet {
  readonly devices: readonly DeviceId[]
  /** Calls the API as the administrator, over a connection that stays open. */
  call(method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown): Promise<unknown>
  /** The devices that say when their confirmation was taken. */
  watch(devices: readonly DeviceId[]): void
  /** When the confirmation of the action had arrived; nanoseconds of the machine's monotonic clock. */
  acknowledged(action: ActionId): Promise<bigint>
  counts(): Promise<FleetCounts>
  usage(): Promise<Usage>
  bare(what: ToBare): Promise<readonly number[]>
  stop(): Promise<void>
}

const start = (
  file: string,
  args: readonly string[],
  execArgv: readonly string[] = [],
  env: Readonly<NodeJS.ProcessEnv> = {},
): ChildProcess =>
  fork(join(import.meta.dirname, file), args, {
    execArgv: ['--disable-warning=ExperimentalWarning', ...execArgv],
    env: { ...process.env, ...env },
    serialization: 'advanced',
  })

/** Waits for the next message for which `pick` has an answer. */
const heard = <Message, Found>(child: ChildProcess, pick: (message: Message) => Found | undefined): Promise<Found> =>
  new Promise((resolve, reject) => {
    const listen = (message: unknown) => {
      const found = pick(message as Message)
      if (found === undefined) return
      child.off('message', listen)
      child.off('exit', ended)
      resolve(found)
    }
    const ended = (code: number | null) => reject(new Error(`a process of the measurement ended with ${code}`))
    child.on('message', listen)
    child.once('exit', ended)
  })

export async function startLightFleet(count: number, say: (progress: string) => void): Promise<LightFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-bench-'))
  const dataFolder = join(folder, 'server')
  mkdirSync(dataFolder, { mode: 0o700 })
  const children: ChildProcess[] = []
  const keep = (child: ChildProcess) => {
    children.push(child)
    return child
  }
  const stop = async () => {
    for (const child of children) {
      const gone = once(child, 'exit')
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.disconnect()
      await gone
    }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    say(`issuing ${count} certificates`)
    const seeded = await seedFleet(dataFolder, count)
    const profile = process.env['BENCH_CPU_PROF']
    const profiled = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
    const plane = keep(start('plane.ts', [dataFolder], [...asOperated.flags, ...profiled], asOperated.env))
    const ready = await heard(plane, (it: FromPlane) => (it.kind === 'ready' ? it : undefined))
    const bare = keep(start('bare.ts', [folder]))
    const port = await heard(bare, (it: FromBare) => (it.kind === 'listening' ? it.port : undefined))
    say(`connecting ${count} bare devices`)
    await heard(keep(start('bare-devices.ts', [String(port), String(count)])), () => true)
    say(`connecting ${count} devices over mutual TLS`)
    const fleet = keep(start('light-devices.ts', []))
    const told = (message: ToFleet) => void fleet.send(message)
    const connected = heard(fleet, (it: FromFleet) => (it.kind === 'connected' ? it.devices : undefined))
    told({ kind: 'connect', port: ready.gatewayPort, atOnce: 32, ...seeded })
    await connected

    const cookie = await becomeAdministrator(ready.url, ready.setUpUrl)
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    const waiting = new Map<ActionId, (at: bigint) => void>()
    fleet.on('message', (message: FromFleet) => {
      if (message.kind === 'acknowledged') waiting.get(message.action)?.(BigInt(message.at))
    })
    return {
      devices: seeded.devices.map(({ id }) => id),
      call: (method, path, body) => callOver(agent, new URL(path, ready.url), method, cookie, body),
      watch: (devices) => told({ kind: 'watch', devices }),
      acknowledged: (action) =>
        new Promise((resolve) => {
          waiting.set(action, (at) => {
            waiting.delete(action)
            resolve(at)
          })
        }),
      counts: () => {
        const answer = heard(fleet, (it: FromFleet) => (it.kind === 'counts' ? it.counts : undefined))
        told({ kind: 'counts' })
        return answer
      },
      usage: () => {
        const answer = heard(plane, (it: FromPlane) => (it.kind === 'usage' ? it.usage : undefined))
        plane.send('usage')
        return answer
      },
      bare: (what) => {
        const answer = heard(bare, (it: FromBare) => (it.kind === 'measured' ? it.times : undefined))
        bare.send(what)
        return answer
      },
      stop: async () => {
        agent.destroy()
        await stop()
      },
    }
  } catch (failure) {
    await stop()
    throw failure
  }
}

function callOver(agent: Agent, url: URL, method: string, cookie: string, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = {
      'recourse-client': 'bench',
      cookie,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    }
    const request = httpRequest(url, { agent, method, headers }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const whole = Buffer.concat(parts).toString()
        if ((answer.statusCode ?? 500) < 300) resolve(JSON.parse(whole))
        else reject(new Error(`${method} ${url.pathname} was answered with ${answer.statusCode}: ${whole}`))
      })
    })
    request.on('error', reject)
    request.end(text)
  })
}

async function becomeAdministrator(url: string, setUpUrl: string | null): Promise<string> {
  const answer = await fetch(new URL('/v1/setup', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'recourse-client': 'bench' },
    body: JSON.stringify({
      secret: setUpUrl?.split('#')[1] ?? '',
      name: 'bench',
      password: 'only for measuring, then gone',
      separationOfDuties: false,
    }),
  })
  if (answer.status !== 201) throw new Error(`set-up was answered with ${answer.status}`)
  return answer.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ')
}

export const requestedActions = z.object({
  actions: z.array(z.object({ id: z.custom<ActionId>(), batch: z.string(), contentHash: z.string() })),
})

export const requestedBatch = z.object({ batch: z.object({ id: z.string(), contentHash: z.string() }) })
