import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import * as z from 'zod'
import { type ErrorCode, RecourseError } from '../protocol/errors.ts'
import { actionId } from '../protocol/ids.ts'
import type { Capability, InForceEntry } from '../protocol/messages.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { Core } from './core/core.ts'
import type { Log } from './core/log.ts'
import type { LinkState } from './link/link.ts'
import type { Vault } from './vault/vault.ts'
import { type VaultFinding, verifyVault } from './verify-vault.ts'

/*
 * INVARIANTS
 * - Only the user of the agent reaches the socket: its folder lets nobody else in, and its own mode is 0600.
 * - One request in one line of JSON, one answer in one line, then it is closed; a line is bounded, and so are the callers.
 */

export const controlAsk = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('status') }),
  z.strictObject({ ask: z.literal('in-force') }),
  z.strictObject({ ask: z.literal('verify-vault') }),
  z.strictObject({ ask: z.literal('undo'), actionId, code: z.string().max(64) }),
])
export type ControlAsk = z.infer<typeof controlAsk>

export interface ControlStatus extends LinkState {
  readonly deviceId: string
  readonly version: string
  readonly gateway: string
  readonly inForce: number
  readonly capabilities: readonly Capability[]
}

export type ControlAnswer =
  | { readonly ok: true; readonly ask: 'status'; readonly status: ControlStatus }
  | { readonly ok: true; readonly ask: 'in-force'; readonly entries: readonly InForceEntry[] }
  | { readonly ok: true; readonly ask: 'verify-vault'; readonly findings: readonly VaultFinding[] }
  | { readonly ok: true; readonly ask: 'undo'; readonly outcome: Outcome }
  | { readonly ok: false; readonly code: ErrorCode; readonly detail: string }

export interface ControlDeps {
  readonly core: Pick<Core, 'inForce' | 'undoLocally'>
  readonly vault: Vault
  readonly log: Log
  status(): ControlStatus
}

const lineBytes = 65_536
const callers = 16
const askWithinMs = 5_000

/** Listens for `recourse-agent status`, `in-force`, `verify-vault` and `undo`. The caller holds the lock of the folder: an old socket is nobody's. */
export async function startControl(path: string, deps: ControlDeps): Promise<{ close(): Promise<void> }> {
  rmSync(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    answerOne(socket, deps)
  })
  server.maxConnections = callers
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
  chmodSync(path, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

function answerOne(socket: Socket, deps: ControlDeps): void {
  let text = ''
  let asked = false
  const late = setTimeout(() => socket.destroy(), askWithinMs)
  socket.setEncoding('utf8')
  socket.on('close', () => clearTimeout(late))
  socket.on('data', (chunk: string) => {
    if (asked) return
    text += chunk
    const end = text.indexOf('\n')
    if (end === -1 && text.length <= lineBytes) return
    asked = true
    clearTimeout(late)
    if (end === -1) return void socket.destroy()
    const say = (answer: ControlAnswer) => socket.end(`${JSON.stringify(answer)}\n`)
    answerTo(text.slice(0, end), deps).then(say, (failure: unknown) => {
      deps.log.error({ err: failure }, 'a local command failed')
      const code = failure instanceof RecourseError ? failure.code : 'internal'
      say({ ok: false, code, detail: failure instanceof Error ? failure.message : String(failure) })
    })
  })
}

async function answerTo(line: string, { core, vault, status, log }: ControlDeps): Promise<ControlAnswer> {
  const read = controlAsk.safeParse(jsonOrNull(line))
  if (!read.success) return { ok: false, code: 'request_invalid', detail: 'this agent does not understand the request' }
  const { data } = read
  switch (data.ask) {
    case 'status':
      return { ok: true, ask: 'status', status: status() }
    case 'in-force':
      return { ok: true, ask: 'in-force', entries: core.inForce() }
    case 'verify-vault':
      return { ok: true, ask: 'verify-vault', findings: await verifyVault(vault) }
    case 'undo':
      log.warn({ action: data.actionId }, 'a local undo was asked for')
      return { ok: true, ask: 'undo', outcome: await core.undoLocally(data.actionId, data.code) }
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
