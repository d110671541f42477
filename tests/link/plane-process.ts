import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A control plane in a process of its own, to be killed. */
export interface PlaneProcess {
  readonly child: ChildProcess
  readonly url: string
  readonly setUpSecret: string | null
}

/** Starts one over a folder; gateway, enrolment and canary have three ports, one after the other. */
export async function begin(folder: string, firstPort: number): Promise<PlaneProcess> {
  const [gateway, enrolment, canary] = [firstPort, firstPort + 1, firstPort + 2]
  const flags = [
    '--data',
    folder,
    '--listen',
    '127.0.0.1:0',
    '--device-host',
    '127.0.0.1',
    '--public-host',
    '127.0.0.1',
  ]
  flags.push('--gateway-port', `${gateway}`, '--enrol-port', `${enrolment}`, '--canary-port', `${canary}`)
  const program = join(import.meta.dirname, '../../server/main.ts')
  const args = ['--disable-warning=ExperimentalWarning', program, ...flags, '--log-level', 'error']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const found = /Recourse is at (\S+)\n/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)))
  })
  return { child, url, setUpSecret: /#(\S+)/.exec(said)?.[1] ?? null }
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

export const post = (url: string, path: string, cookie: string, body: unknown) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'recourse-client': 'test', cookie },
    body: JSON.stringify(body),
  })
export const cookieOf = (answer: Response) => answer.headers.get('set-cookie')?.split(';')[0] ?? ''
