import type { Command } from 'commander'
import * as z from 'zod'
import { operatorView } from '../../people/operators.ts'
import type { Context } from '../context.ts'
import { CliFailure, type ControlPlane, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { show, table } from '../show.ts'

const people = z.object({ items: z.array(operatorView) })

/** `recourse people`. */
export function operatorCommands(program: Command, context: Context): void {
  const { screen } = context
  const command = program.command('people').description('who may sign in')
  const change = async (named: string, body: object, said: string) => {
    const controlPlane = context.controlPlane()
    const path = `/v1/people/${await personId(controlPlane, named)}`
    const changed = await controlPlane.patch(path, body, operatorView)
    show(screen, changed, () => `${plainText(changed.name)} ${said}.`)
  }

  command
    .command('list', { isDefault: true })
    .description('everybody who may sign in, or once could')
    .action(async () => {
      const read = await context.controlPlane().get('/v1/people', people)
      show(screen, read, () =>
        table(
          ['ID', 'NAME', 'KIND', 'ROLE', 'DISABLED'],
          read.items.map((it) => [it.id, it.name, it.kind, it.role, it.disabled ? 'yes' : 'no']),
          'Nobody.',
        ),
      )
    })

  command
    .command('add <name>')
    .description('add somebody; asks for their first password')
    .requiredOption('--role <name>', 'what they may do')
    .action(async (name: string, { role }: { role: string }) => {
      const password = await context.askSecret(`Password of ${name}: `)
      const made = await context.controlPlane().post('/v1/people', { name, role, password }, operatorView)
      show(screen, made, () => `${plainText(made.name)} is ${made.role}.`)
    })

  command
    .command('role <name> <role>')
    .description('give somebody another role; it holds from their next request')
    .action((name: string, role: string) => change(name, { role }, `is ${plainText(role)}`))

  command
    .command('password <name>')
    .description('give somebody a new password; asks for it, and ends their sessions')
    .action(async (name: string) =>
      change(name, { password: await context.askSecret(`New password of ${name}: `) }, 'has a new password'),
    )

  command
    .command('disable <name>')
    .description('let somebody in no more; nobody is ever deleted, because the history names them')
    .action(async (named: string) => {
      const controlPlane = context.controlPlane()
      const id = await personId(controlPlane, named)
      await controlPlane.remove(`/v1/people/${id}`)
      show(screen, { disabled: id }, () => `${plainText(named)} is disabled.`)
    })

  command
    .command('enable <name>')
    .description('let somebody in again')
    .action((name: string) => change(name, { disabled: false }, 'may sign in again'))
}

async function personId(controlPlane: ControlPlane, named: string): Promise<string> {
  const { items } = await controlPlane.get('/v1/people', people)
  const found = items.find(({ id, name }) => id === named || name === named.toLowerCase())
  if (found === undefined) throw new CliFailure(exitCodes.refused, `there is nobody called ${plainText(named)}`)
  return found.id
}
