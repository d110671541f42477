import { readFileSync } from 'node:fs'
import { RecourseError } from '../protocol/errors.ts'
import { type CommandIo, helpText, type Invocation, readCommandLine } from './cli.ts'
import { type Ending, endingOfFailure, exitCodes } from './commands/endings.ts'
import { agentVersion } from './version.ts'

// Commands are loaded when they are called: what a running agent never does costs it no memory.

async function carryOut(invocation: Invocation, io: CommandIo): Promise<Ending> {
  switch (invocation.command) {
    case 'help':
      process.stdout.write(helpText)
      return 'done'
    case 'version':
      process.stdout.write(`${agentVersion}\n`)
      return 'done'
    case 'enrol': {
      const { enrolDevice } = await import('./commands/enrol-device.ts')
      return enrolDevice({ ...invocation, token: secretFrom(invocation.token) }, io)
    }
    case 'run':
      return (await import('./commands/run-agent.ts')).runAgent(invocation, io)
    case 'status':
      return (await import('./commands/ask-commands.ts')).status(invocation, io)
    case 'in-force':
      return (await import('./commands/ask-commands.ts')).inForce(invocation, io)
    case 'verify-vault':
      return (await import('./commands/ask-commands.ts')).checkVault(invocation, io)
    case 'undo': {
      const { undo } = await import('./commands/ask-commands.ts')
      return undo({ ...invocation, code: secretFrom(invocation.code) }, io)
    }
  }
}

/** A secret as it was given, or from the file or standard input that was named instead. */
function secretFrom(text: string): string {
  if (text === '-') return readFileSync(0, 'utf8').trim()
  return text.startsWith('@') ? readFileSync(text.slice(1), 'utf8').trim() : text
}

const ioFor = (json: boolean): CommandIo => ({
  say: (result, lines) => process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${lines.join('\n')}\n`),
  tell: (line) => process.stderr.write(`recourse-agent: ${line}\n`),
  stopped: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
    }),
})

/** Reads the command line and carries it out; the answer is the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  return exitCodes[await endingOfProgram(args)].code
}

async function endingOfProgram(args: readonly string[]): Promise<Ending> {
  // What the agent writes is its own business.
  process.umask(0o077)
  const invocation = readCommandLine(args)
  if (typeof invocation === 'string') {
    process.stderr.write(`recourse-agent: ${invocation}; see recourse-agent --help\n`)
    return 'usage'
  }
  const json = 'json' in invocation && invocation.json
  const io = ioFor(json)
  try {
    return await carryOut(invocation, io)
  } catch (failure) {
    const code = failure instanceof RecourseError ? failure.code : 'internal'
    const detail = failure instanceof Error ? failure.message : String(failure)
    if (json) process.stdout.write(`${JSON.stringify({ error: { code, detail } })}\n`)
    io.tell(`${detail} (${code})`)
    return endingOfFailure(failure)
  }
}
