import { startAgent } from '../agent.ts'
import type { Command } from '../cli.ts'
import { settleDown } from '../lean.ts'
import { readIdentity } from '../link/identity.ts'
import { openLog } from '../open-log.ts'
import { openStateFolder } from '../state-folder.ts'

/** `run`: until SIGTERM or SIGINT. */
export const runAgent: Command<'run'> = async ({ state: path, policy, logLevel }, io) => {
  const state = openStateFolder(path)
  const identity = readIdentity(path)
  if (identity === null) {
    io.tell('this device is not enrolled; see recourse-agent enrol')
    return 'notEnrolled'
  }
  const log = openLog(logLevel)
  const agent = await startAgent({ state, policy, identity, log })
  settleDown()
  await io.stopped()
  await agent.stop()
  return 'done'
}
