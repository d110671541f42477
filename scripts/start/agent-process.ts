import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askAgent } from '../../agent/commands/ask-agent.ts'
import type { ControlStatus } from '../../agent/control.ts'
import type { InForceEntry } from '../../protocol/messages.ts'

const root = join(import.meta.dirname, '../..')
const entry = join(root, 'agent/main.ts')
const leash = join(root, 'scripts/leash.ts')

/** Where an agent of ours works; absolute paths. */
export interface AgentPlace {
  readonly state: string
  readonly policy: string
  /** Its JSON lines are appended here. */
  readonly log: string
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
}

/** A running agent, a process of its own. It ends when this process does. */
export interface AgentProcess {
  readonly pid: number
  readonly ended: Promise<Ended>
  /** Asks it to end, and resolves when it has; after ten seconds it is made to. */
  stop(): Promise<Ended>
  /** As a crash would. */
  kill(): Promise<Ended>
}

const node = (...args: string[]): string[] => ['--disable-warning=ExperimentalWarning', ...args]
const settings = ({ state, policy }: AgentPlace): string[] => ['--state', state, '--policy', policy]

/** Starts the real agent from its sources: `recourse-agent run`. */
export function startAgentProcess(place: AgentPlace): AgentProcess {
  const log = openSync(place.log, 'a', 0o600)
  const args = node('--import', leash, entry, 'run', ...settings(place))
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', log, log] })
  closeSync(log)
  const ended = endOf(child)
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
    const end = await ended
    clearTimeout(late)
    return end
  }
  return { pid: child.pid ?? 0, ended, stop: () => stop('SIGTERM'), kill: () => stop('SIGKILL') }
}

async function endOf(child: ChildProcess): Promise<Ended> {
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { status, signal }
}

/** `recourse-agent COMMAND`, a process of its own; what it said on both streams comes along. */
export async function callAgent(
  command: readonly string[],
  place: AgentPlace,
  input = '',
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, node(entry, ...command, ...settings(place)), { cwd: root })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const { status } = await endOf(child)
  return { status, stdout, stderr }
}

/** Binds the device to the control plane whose token this is; the token never stands among the arguments. Throws with what the agent said. */
export async function enrolAgent(place: AgentPlace, server: string, token: string): Promise<void> {
  const { status, stderr } = await callAgent(['enrol', '--server', server, '--token', '-'], place, token)
  if (status !== 0) throw new Error(`the agent could not enrol: ${stderr.trim()}`)
}

/** What the agent says of itself once it is connected, or, when the time is over, what it said last; null when it does not answer. */
export async function statusOnceConnected({ state }: AgentPlace, timeoutMs: number): Promise<ControlStatus | null> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const answer = await askAgent(state, { ask: 'status' }).catch(() => null)
    const status = answer?.ok === true && answer.ask === 'status' ? answer.status : null
    if (status?.link === 'connected' || performance.now() > until) return status
    await sleep(50)
  }
}

/** What stands on the device, by the agent's own word; nothing when it does not answer. */
export async function heldBy({ state }: AgentPlace): Promise<readonly InForceEntry[]> {
  const answer = await askAgent(state, { ask: 'in-force' }).catch(() => null)
  return answer?.ok === true && answer.ask === 'in-force' ? answer.entries : []
}
