import type { Command } from 'commander'
import * as z from 'zod'
import { settings as knownSettings, settingsView } from '../../settings.ts'
import type { Context } from '../context.ts'
import { CliFailure, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { show, table } from '../show.ts'

const limits = z.object({ signIn: z.record(z.string(), z.number()) }).catchall(z.number())

/** `recourse settings`, `recourse limits` and `recourse keys`. */
export function settingsCommands(program: Command, context: Context): void {
  const { screen } = context
  const command = program.command('settings').description('the rules of the whole')
  const showAll = (found: z.infer<typeof settingsView>) =>
    show(screen, found, () =>
      table(
        ['NAME', 'VALUE', 'WHAT IT IS'],
        Object.entries(knownSettings.shape).map(([name, schema]) => [
          name,
          JSON.stringify(found[name as keyof typeof found]),
          schema.description ?? '',
        ]),
        '',
      ),
    )

  command
    .command('list', { isDefault: true })
    .description('the rules in force')
    .action(async () => showAll(await context.controlPlane().get('/v1/settings', settingsView)))

  command
    .command('set <name> <value>')
    .description('change one; the value is JSON, such as 3, true or [5,25,100]')
    .action(async (name: string, value: string) => {
      if (!Object.hasOwn(knownSettings.shape, name)) {
        const names = Object.keys(knownSettings.shape).join(', ')
        throw new CliFailure(exitCodes.usage, `there is no setting ${plainText(name)}; there are ${names}`)
      }
      showAll(await context.controlPlane().patch('/v1/settings', { [name]: readJson(value) }, settingsView))
    })

  program
    .command('limits')
    .description('how often one may call and try; given when the control plane is started')
    .action(async () => {
      const read = await context.controlPlane().get('/v1/limits', limits)
      const { signIn, ...calls } = read
      show(screen, read, () =>
        table(
          ['LIMIT', 'VALUE'],
          [
            ...Object.entries(calls).map(([name, value]) => [`calls ${name}`, String(value)]),
            ...Object.entries(signIn).map(([name, value]) => [`sign-in ${name}`, String(value)]),
          ],
          '',
        ),
      )
    })

  program
    .command('keys')
    .description('the keys that mandates are signed with')
    .command('rotate')
    .description('make a new mandate key; the old one vouches for it and ends')
    .action(async () => {
      const made = await context.controlPlane().post('/v1/keys/rotate', {}, z.object({ keyId: z.string() }))
      show(screen, made, () => `The mandate key is ${made.keyId} now.`)
    })
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CliFailure(exitCodes.usage, `${plainText(text)} is not JSON`, null, { cause })
  }
}
