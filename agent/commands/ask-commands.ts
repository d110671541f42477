import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { RecourseError } from '../../protocol/errors.ts'
import { openParts } from '../agent.ts'
import type { Command, Settings } from '../cli.ts'
import type { ControlAnswer } from '../control.ts'
import { type Identity, readIdentity } from '../link/identity.ts'
import { openLog } from '../open-log.ts'
import { openStateFolder } from '../state-folder.ts'
import { verifyVault } from '../verify-vault.ts'
import { askAgent } from './ask-agent.ts'
import { inForceLines, outcomeLines, statusLines, vaultLines } from './print.ts'

/** `status`: what the running agent says of itself. */
export const status: Command<'status'> = async ({ state }, io) => {
  const answer = await askAgent(state, { ask: 'status' })
  if (answer === null) {
    const identity = enrolled(state)
    io.say({ running: false, deviceId: identity?.deviceId ?? null }, [
      identity === null ? 'this device is not enrolled' : `no agent runs here; this device is ${identity.deviceId}`,
    ])
    return identity === null ? 'notEnrolled' : 'unreachable'
  }
  const said = expect(answer, 'status')
  io.say({ running: true, ...said.status }, statusLines(said.status))
  return said.status.link === 'connected' ? 'done' : 'unreachable'
}

/** `in-force`: what stands on this device, whether an agent runs or not. */
export const inForce: Command<'in-force'> = async ({ state, policy }, io) => {
  const answer = await askAgent(state, { ask: 'in-force' })
  const entries = answer === null ? await inForceAtRest(state, policy) : expect(answer, 'in-force').entries
  if (entries === null) return notEnrolled(io.tell)
  io.say(entries, inForceLines(entries))
  return 'done'
}

/** `verify-vault`: reads every item and compares it with its hash. */
export const checkVault: Command<'verify-vault'> = async ({ state, policy }, io) => {
  const answer = await askAgent(state, { ask: 'verify-vault' })
  const findings =
    answer === null
      ? await withParts({ state, policy }, ({ vault }) => verifyVault(vault))
      : expect(answer, 'verify-vault').findings
  if (findings === null) return notEnrolled(io.tell)
  io.say(findings, vaultLines(findings))
  return findings.every(({ intact }) => intact) ? 'done' : 'notClean'
}

/** `undo ACTION --code CODE`: takes an action back without a control plane (UND7). It hears of it when the link is back. */
export const undo: Command<'undo'> = async ({ state, policy, actionId, code }, io) => {
  const answer = await askAgent(state, { ask: 'undo', actionId, code })
  const outcome =
    answer === null
      ? await withParts({ state, policy }, ({ core }) => core.undoLocally(actionId, code))
      : expect(answer, 'undo').outcome
  if (outcome === null) return notEnrolled(io.tell)
  io.say(outcome, outcomeLines(outcome))
  switch (outcome.status) {
    case 'succeeded':
      return 'done'
    case 'refused':
    case 'expired':
    case 'cancelled':
      return 'refused'
    case 'failed':
    case 'conflict':
      return 'notClean'
  }
}

function notEnrolled(tell: (line: string) => void) {
  tell('this device is not enrolled')
  return 'notEnrolled' as const
}

const enrolled = (state: string): Identity | null => (existsSync(state) ? readIdentity(state) : null)

/** The journal's own word, without starting anything. */
const inForceAtRest = (state: string, policy: string) =>
  withParts({ state, policy }, async ({ core }) => core.inForce())

/** Works in the state folder as the agent would, since none does; null when the device is not enrolled. */
async function withParts<T>(
  { state: path, policy }: Settings,
  work: (parts: Awaited<ReturnType<typeof openParts>>) => Promise<T>,
): Promise<T | null> {
  const identity = enrolled(path)
  if (identity === null) return null
  const parts = await openParts({ state: openStateFolder(path), policy, identity, log: openLog('error') })
  try {
    const result = await work(parts)
    await parts.core.settled()
    return result
  } finally {
    await parts.close()
  }
}

function expect<Ask extends Extract<ControlAnswer, { ok: true }>['ask']>(answer: ControlAnswer, ask: Ask) {
  if (!answer.ok) throw new RecourseError(answer.code, answer.detail)
  if (answer.ask !== ask) throw new RecourseError('internal', 'the agent answered something else')
  return answer as Extract<ControlAnswer, { ok: true; ask: Ask }>
}
