import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { RecourseError } from '../../protocol/errors.ts'
import type { InForceEntry } from '../../protocol/messages.ts'
import { journalFile, openParts, openVaultOf } from '../agent.ts'
import type { Command, Settings } from '../cli.ts'
import type { ControlAnswer } from '../control.ts'
import { inForceOf } from '../core/effects.ts'
import { openJournal } from '../core/journal.ts'
import { type Identity, readIdentity } from '../link/identity.ts'
import { openLog } from '../open-log.ts'
import { lockState, openStateFolder } from '../state-folder.ts'
import { type VaultFinding, verifyVault } from '../verify-vault.ts'
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
export const inForce: Command<'in-force'> = async ({ state }, io) => {
  const answer = await askAgent(state, { ask: 'in-force' })
  const entries = answer === null ? inForceAtRest(state) : expect(answer, 'in-force').entries
  if (entries === null) return notEnrolled(io.tell)
  io.say(entries, inForceLines(entries))
  return 'done'
}

/** `verify-vault`: reads every item and compares it with its hash. */
export const checkVault: Command<'verify-vault'> = async ({ state, policy }, io) => {
  const answer = await askAgent(state, { ask: 'verify-vault' })
  const findings = answer === null ? await vaultAtRest({ state, policy }) : expect(answer, 'verify-vault').findings
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

/** The journal's own word. Nothing is recovered or held for that; an agent will do it when it starts. */
function inForceAtRest(path: string): InForceEntry[] | null {
  if (enrolled(path) === null) return null
  using _lock = lockState(openStateFolder(path))
  const file = join(path, journalFile)
  if (!existsSync(file)) return []
  const journal = openJournal(file)
  try {
    return inForceOf(journal)
  } finally {
    journal.close()
  }
}

async function vaultAtRest({ state, policy }: Settings): Promise<VaultFinding[] | null> {
  if (enrolled(state) === null) return null
  using _lock = lockState(openStateFolder(state))
  const { vault } = await openVaultOf({ state, policy })
  try {
    return await verifyVault(vault)
  } finally {
    vault.close()
  }
}

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
