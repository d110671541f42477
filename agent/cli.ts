import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type ActionId, actionId } from '../protocol/ids.ts'
import { type Ending, exitCodes } from './commands/endings.ts'
import { defaultState } from './lean.ts'
import { type LogLevel, logLevels } from './open-log.ts'

/** What every command needs. Absolute paths. */
export interface Settings {
  readonly state: string
  readonly policy: string
}

/** A command line that was understood. */
export type Invocation =
  | ({
      readonly command: 'enrol'
      readonly server: { readonly host: string; readonly port: number }
      readonly token: string
      readonly replace: boolean
      readonly json: boolean
    } & Settings)
  | ({ readonly command: 'run'; readonly logLevel: LogLevel } & Settings)
  | ({ readonly command: 'status'; readonly json: boolean } & Settings)
  | ({ readonly command: 'in-force'; readonly json: boolean } & Settings)
  | ({ readonly command: 'verify-vault'; readonly json: boolean } & Settings)
  | ({
      readonly command: 'undo'
      readonly actionId: ActionId
      readonly code: string
      readonly json: boolean
    } & Settings)
  | { readonly command: 'help' | 'version' }

/** What a command speaks to. */
export interface CommandIo {
  /** The result: as JSON when that was asked for, otherwise these lines. */
  say(result: unknown, lines: readonly string[]): void
  /** A message to a person, beside the result. */
  tell(line: string): void
  /** Resolves when the process is told to end. */
  stopped(): Promise<void>
}

export type Command<Name extends Invocation['command']> = (
  invocation: Extract<Invocation, { command: Name }> & Settings,
  io: CommandIo,
) => Promise<Ending>

export const helpText = `recourse-agent: takes remediation actions on this device, only when they are decided, and can take them back

  recourse-agent enrol --server HOST:PORT --token TOKEN   bind this device to a control plane
      --replace              enrol anew, in place of an earlier enrolment
  recourse-agent run                                      run until SIGTERM
      --log-level LEVEL      ${logLevels.join(', ')}; default info
  recourse-agent status                                   what the running agent says of itself
  recourse-agent in-force                                 what stands on this device now
  recourse-agent verify-vault                             read every quarantined file and compare it with its hash
  recourse-agent undo ACTION --code CODE                  take an action back without a control plane

Everywhere:
      --state FOLDER         default ${defaultState}
      --policy FILE          local policy; default /etc/recourse/policy.json
      --json                 the result as JSON (not for run, which logs JSON lines)

TOKEN and CODE may be given as @FILE, or as - for standard input, which keeps them out of the list of processes.

Exit codes:
${Object.values(exitCodes)
  .map(({ code, meaning }) => `  ${code}  ${meaning}`)
  .join('\n')}
`

const options = {
  state: { type: 'string', default: defaultState },
  policy: { type: 'string', default: '/etc/recourse/policy.json' },
  json: { type: 'boolean', default: false },
  server: { type: 'string' },
  token: { type: 'string' },
  replace: { type: 'boolean', default: false },
  'log-level': { type: 'string', default: 'info' },
  code: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false },
} as const

const ownOptions: Readonly<Record<string, readonly string[]>> = {
  enrol: ['server', 'token', 'replace', 'json'],
  run: ['log-level'],
  status: ['json'],
  'in-force': ['json'],
  'verify-vault': ['json'],
  undo: ['code', 'json'],
}

/** Reads the arguments; a text says what is wrong with them. */
export function readCommandLine(args: readonly string[]): Invocation | string {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (failure) {
    return failure instanceof Error ? failure.message : String(failure)
  }
  const { values, positionals, tokens } = parsed
  if (values.help || positionals[0] === 'help') return { command: 'help' }
  if (values.version) return { command: 'version' }
  const [command, ...rest] = positionals
  if (command === undefined) return 'say what to do'
  const known = ownOptions[command]
  if (known === undefined || !Object.hasOwn(ownOptions, command)) return `there is no command ${command}`
  for (const token of tokens)
    if (token.kind === 'option' && ![...known, 'state', 'policy'].includes(token.name))
      return `${command} has no option --${token.name}`
  if (rest.length !== (command === 'undo' ? 1 : 0))
    return command === 'undo' ? 'name one action' : `${command} takes no arguments`

  const settings = { state: resolve(values.state), policy: resolve(values.policy) }
  switch (command) {
    case 'enrol': {
      if (values.server === undefined || values.token === undefined) return 'enrol needs --server and --token'
      const server = readServer(values.server)
      if (server === null) return `--server ${values.server} is not HOST:PORT`
      return { command, ...settings, server, token: values.token, replace: values.replace, json: values.json }
    }
    case 'run': {
      const logLevel = logLevels.find((level) => level === values['log-level'])
      if (logLevel === undefined) return `--log-level is one of ${logLevels.join(', ')}`
      return { command, ...settings, logLevel }
    }
    case 'undo': {
      const action = actionId.safeParse(rest[0])
      if (!action.success) return `${rest[0]} is not the id of an action`
      if (values.code === undefined) return 'undo needs --code'
      return { command, ...settings, actionId: action.data, code: values.code, json: values.json }
    }
    case 'status':
    case 'in-force':
    case 'verify-vault':
      return { command, ...settings, json: values.json }
    default:
      return `there is no command ${command}`
  }
}

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, allowPositionals: true, strict: true, tokens: true })

/** `host:port`, `1.2.3.4:port`, `[v6]:port`. */
function readServer(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/\s]{1,255})):([0-9]{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port }
}
