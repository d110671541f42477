import { type ChildProcessWithoutNullStreams, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/**
 * A disposable, real Linux device for tests (`scripts/device/linux-device.sh` says what it is made of). It sees this host's files as they
 * are when it boots, so also the project with its packages and `dist` (read-only where the project lies in `/tmp` or on a file system
 * of its own); what it writes stays its own.
 *
 * Always stop it, best with `await using`. What a killed test leaves behind is removed when the next device starts.
 */
export type LinuxDevice = AsyncDisposable & {
  readonly name: string
  /** This host as the device sees it: where a server for the device listens. */
  readonly server: Addresses
  /** The device as this host sees it. */
  readonly addresses: Addresses
  /** Runs a program as root inside and waits for it; `argv[0]` may be found through PATH. */
  readonly exec: (argv: Argv, options?: ExecOptions) => Promise<Ended>
  /** Like `exec`, but throws unless the program ends with 0; returns what it printed. */
  readonly run: (argv: Argv, options?: ExecOptions) => Promise<string>
  /** Starts a program inside. Killing the child kills the program. */
  readonly spawn: (argv: Argv) => ChildProcessWithoutNullStreams
  /** Writes a file inside, replacing what is there; `mode` is octal, as in `'755'`. */
  readonly put: (path: string, bytes: Uint8Array | string, mode?: string) => Promise<void>
  /** Cuts the power and boots again. Everything outside `/run`, `/tmp` and `/dev` is still there, nothing else is. */
  readonly reboot: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly peer: Peer
}

/** Another host that the device can reach and this host cannot: what an isolated device must no longer talk to. It shares our files. */
export type Peer = {
  readonly addresses: Addresses
  /** The device as the peer sees it. */
  readonly device: Addresses
  readonly exec: (argv: Argv, options?: ExecOptions) => Promise<Ended>
  readonly spawn: (argv: Argv) => ChildProcessWithoutNullStreams
}

export type Addresses = { readonly v4: string; readonly v6: string }
export type Argv = readonly [program: string, ...args: string[]]
export type ExecOptions = { readonly input?: Uint8Array | string; readonly timeoutMs?: number }
/** `status` is null when the program was killed, by a signal or by the time limit. */
export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

const script = join(import.meta.dirname, '../../scripts/device/linux-device.sh')
const TIMEOUT_MS = 300_000
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

const call = (args: readonly string[], options: ExecOptions = {}): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const limits = {
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
    } as const
    const child = execFile(script, args, limits, (error, stdout, stderr) => {
      const status = error === null ? 0 : (error.code ?? null)
      if (typeof status === 'string')
        reject(new Error(`linux-device ${args.join(' ')} could not be run`, { cause: error }))
      else resolve({ status, stdout, stderr })
    })
    // A program may end without reading what it was given.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input ?? '')
  })

const callOrThrow = async (args: readonly string[], options?: ExecOptions): Promise<string> => {
  const { status, stdout, stderr } = await call(args, options)
  if (status !== 0) throw new Error(`linux-device ${args.join(' ')} ended with ${status}\n${stderr}${stdout}`)
  return stdout
}

const parseAddresses = (text: string) => {
  const values = new Map(text.split('\n').map((line) => line.split('=', 2) as [string, string]))
  return (who: string): Addresses => {
    const v4 = values.get(`${who}_V4`)
    const v6 = values.get(`${who}_V6`)
    if (v4 === undefined || v6 === undefined) throw new Error(`no address of ${who} in:\n${text}`)
    return { v4, v6 }
  }
}

const alive = new Set<string>()
process.once('exit', () => {
  for (const name of alive) execFileSync(script, ['stop', name], { stdio: 'ignore' })
})

let started = 0

/** Boots a device (about a second). `name` is only a label; the device's own name is unique on this machine. */
export const startDevice = async ({ name: label }: { readonly name: string }): Promise<LinuxDevice> => {
  const name = `${label}-${process.pid}-${++started}`
  alive.add(name)
  const addressesOf = parseAddresses(await callOrThrow(['start', name, String(process.pid)]))
  const run = (argv: Argv, options?: ExecOptions) => callOrThrow(['exec', name, ...argv], options)
  const stop = async (): Promise<void> => {
    await callOrThrow(['stop', name])
    alive.delete(name)
  }
  return {
    name,
    server: addressesOf('SERVER'),
    addresses: addressesOf('DEVICE'),
    exec: (argv, options) => call(['exec', name, ...argv], options),
    run,
    spawn: (argv) => spawn(script, ['exec', name, ...argv]),
    put: async (path, bytes, mode) => {
      await run(['dd', `of=${path}`, 'status=none'], { input: bytes })
      if (mode !== undefined) await run(['chmod', mode, path])
    },
    reboot: async () => {
      await callOrThrow(['reboot', name])
    },
    stop,
    [Symbol.asyncDispose]: stop,
    peer: {
      addresses: addressesOf('PEER'),
      device: addressesOf('DEVICE_TO_PEER'),
      exec: (argv, options) => call(['peer', name, ...argv], options),
      spawn: (argv) => spawn(script, ['peer', name, ...argv]),
    },
  }
}

/** The first line a program prints; rejects when it ends without one. */
export const firstLine = async (program: ChildProcessWithoutNullStreams): Promise<string> => {
  let complaints = ''
  program.stderr.on('data', (chunk) => (complaints += String(chunk)))
  const ended = once(program, 'close').then(([status]) => {
    throw new Error(`the program ended with ${status} before it printed a line: ${complaints}`)
  })
  const [line] = await Promise.race([once(createInterface(program.stdout), 'line'), ended])
  return String(line)
}

/** Removes what devices of ended processes left behind. */
export const sweepDevices = async (): Promise<void> => {
  await callOrThrow(['sweep'])
}
