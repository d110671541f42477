import { Command, CommanderError } from 'commander'
import { accountCommands } from './commands/account.ts'
import { actionCommands } from './commands/actions.ts'
import { alertCommands } from './commands/alerts.ts'
import { auditCommands } from './commands/audit.ts'
import { batchCommands } from './commands/batches.ts'
import { decideCommands } from './commands/decide.ts'
import { deviceCommands } from './commands/devices.ts'
import { groupCommands } from './commands/groups.ts'
import { investigationCommands } from './commands/investigations.ts'
import { operatorCommands } from './commands/operators.ts'
import { outboundCommands } from './commands/outbound.ts'
import { peopleCommands } from './commands/people.ts'
import { proposeCommands } from './commands/propose.ts'
import { rolloutCommands } from './commands/rollouts.ts'
import { settingsCommands } from './commands/settings.ts'
import { signInCommands } from './commands/sign-in.ts'
import { vaultCommands } from './commands/vault.ts'
import type { Context } from './context.ts'
import { CliFailure, connect, exitCodes } from './control-plane.ts'
import { forgetSignIn, readSignIn, saveSignIn } from './saved-sign-in.ts'

/** What the program is given from outside. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv
  out(text: string): void
  err(text: string): void
  /** Asks for something that must not be shown. */
  askSecret(question: string): Promise<string>
}

/** Runs `recourse` with these arguments and answers its exit code. Never throws. */
export async function run(
  argv: readonly string[],
  { environment, out, err, askSecret }: Surroundings,
): Promise<number> {
  const program = new Command('recourse')
    .description('The command line of Recourse: propose, decide, undo, and see what is in force.')
    .option('--json', 'answer with JSON and nothing else')
    .showHelpAfterError('(--help says more)')
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err })
  const context: Context = {
    screen: {
      out,
      err,
      get json() {
        return program.opts<{ json?: true }>().json ?? false
      },
    },
    controlPlane: () => connect(credentials(environment)),
    save: (signIn) => saveSignIn(environment, signIn),
    saved: () => readSignIn(environment),
    forget: () => forgetSignIn(environment),
    askSecret,
  }
  for (const add of [
    signInCommands,
    deviceCommands,
    proposeCommands,
    decideCommands,
    batchCommands,
    actionCommands,
    alertCommands,
    investigationCommands,
    groupCommands,
    rolloutCommands,
    vaultCommands,
    operatorCommands,
    peopleCommands,
    accountCommands,
    settingsCommands,
    outboundCommands,
    auditCommands,
  ]) {
    add(program, context)
  }
  inheritExit(program)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCodes.done
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (!(error instanceof CliFailure)) {
      err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
      return exitCodes.refused
    }
    if (error.message !== '') err(`${error.message}\n`)
    return error.exitCode
  }
}

/** A token from the environment, or the session one signed in to. */
function credentials(environment: NodeJS.ProcessEnv) {
  const url = environment['RECOURSE_URL']
  const token = environment['RECOURSE_TOKEN']
  if (url !== undefined && token !== undefined) return { url, headers: { authorization: `Bearer ${token}` } }
  const saved = readSignIn(environment)
  if (saved !== null) return { url: saved.url, headers: { cookie: saved.cookie } }
  throw new CliFailure(
    exitCodes.notAllowed,
    'Sign in with `recourse sign-in URL --name NAME`, or set RECOURSE_URL and RECOURSE_TOKEN.',
  )
}

/** Commander hands its settings only to commands made after them. */
function inheritExit(command: Command): void {
  for (const inner of command.commands) {
    inner.copyInheritedSettings(command).exitOverride()
    inheritExit(inner)
  }
}
