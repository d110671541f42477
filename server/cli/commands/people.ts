import type { Command } from 'commander'
import * as z from 'zod'
import { clientView } from '../../people/clients.ts'
import { roleView } from '../../people/roles.ts'
import type { Context } from '../context.ts'
import { CliFailure, exitCodes } from '../control-plane.ts'
import { show, table, time } from '../show.ts'
import { listed } from './listed.ts'

const roles = z.object({ roles: z.array(roleView), permissions: z.array(z.string()) })
const clients = z.object({ clients: z.array(clientView) })
const withSecret = clientView.extend({ secret: z.string() })

/** `recourse roles` and `recourse clients`. */
export function peopleCommands(program: Command, context: Context): void {
  const { screen } = context
  const role = program.command('roles').description('what people and programs may do, and on which devices')

  role
    .command('list', { isDefault: true })
    .description('every role')
    .action(async () => {
      const read = await context.controlPlane().get('/v1/roles', roles)
      show(screen, read, () =>
        table(
          ['NAME', 'MADE', 'PEOPLE', 'GROUPS', 'PERMISSIONS'],
          read.roles.map((it) => [
            it.name,
            it.builtIn ? 'built in' : 'here',
            String(it.people),
            it.groups === null ? 'all' : it.groups.join(' '),
            it.permissions.length > 6 ? `${it.permissions.length} permissions` : it.permissions.join(' '),
          ]),
          'None.',
        ),
      )
    })

  role
    .command('create <name>')
    .description('make a role; it gives at most what you have')
    .requiredOption('--permissions <list>', 'separated by commas')
    .option('--groups <ids>', 'only the devices of these groups, separated by commas')
    .option('--description <text>', 'what it is for', '')
    .action(async (name: string, options: { permissions: string; groups?: string; description: string }) => {
      const body = {
        name,
        description: options.description,
        permissions: listed(options.permissions),
        groups: options.groups === undefined ? null : listed(options.groups),
      }
      const made = await context.controlPlane().post('/v1/roles', body, roleView)
      show(screen, made, () => `The role ${made.name} is there.`)
    })

  role
    .command('change <name>')
    .description('change a role; it holds from the next request of everybody in it')
    .option('--permissions <list>', 'all of them, separated by commas')
    .option('--groups <ids>', 'only the devices of these groups, separated by commas')
    .option('--every-group', 'every device there is and will be')
    .option('--description <text>', 'what it is for')
    .action(
      async (
        name: string,
        options: { permissions?: string; groups?: string; everyGroup?: true; description?: string },
      ) => {
        const { permissions, groups, everyGroup, description } = options
        if (groups !== undefined && everyGroup) throw new CliFailure(exitCodes.usage, '--groups or --every-group')
        const change = {
          ...(description === undefined ? {} : { description }),
          ...(permissions === undefined ? {} : { permissions: listed(permissions) }),
          ...(groups === undefined ? {} : { groups: listed(groups) }),
          ...(everyGroup ? { groups: null } : {}),
        }
        const made = await context.controlPlane().patch(`/v1/roles/${encodeURIComponent(name)}`, change, roleView)
        show(screen, made, () => `The role ${made.name} is changed.`)
      },
    )

  role
    .command('delete <name>')
    .description('delete a role that nobody is in')
    .action(async (name: string) => {
      await context.controlPlane().remove(`/v1/roles/${encodeURIComponent(name)}`)
      show(screen, { name }, () => `The role ${name} is gone.`)
    })

  const client = program
    .command('clients')
    .description('programs that sign in by themselves (OAuth client credentials)')

  client
    .command('list', { isDefault: true })
    .description('every client')
    .action(async () => {
      const read = await context.controlPlane().get('/v1/clients', clients)
      show(screen, read, () =>
        table(
          ['ID', 'NAME', 'ROLE', 'LAST USED', 'EXPIRES', 'REVOKED'],
          read.clients.map((it) => [
            it.id,
            it.name,
            it.role,
            time(it.lastUsedAt),
            time(it.expiresAt),
            time(it.revokedAt),
          ]),
          'None.',
        ),
      )
    })

  client
    .command('create <name>')
    .description('make a client; its secret is shown once')
    .requiredOption('--role <name>', 'what it may do')
    .option('--scopes <list>', 'less than the role gives, separated by commas')
    .action(async (name: string, { role: as, scopes }: { role: string; scopes?: string }) => {
      const body = { name, role: as, ...(scopes === undefined ? {} : { scopes: listed(scopes) }) }
      const made = await context.controlPlane().post('/v1/clients', body, withSecret)
      show(screen, made, () => `client_id      ${made.id}\nclient_secret  ${made.secret}`)
    })

  client
    .command('secret <id>')
    .description('give a client a new secret; the old one ends at once')
    .action(async (id: string) => {
      const made = await context.controlPlane().post(`/v1/clients/${encodeURIComponent(id)}/secret`, {}, withSecret)
      show(screen, made, () => `client_secret  ${made.secret}`)
    })

  client
    .command('revoke <id>')
    .description('end a client and all its tokens')
    .action(async (id: string) => {
      await context.controlPlane().remove(`/v1/clients/${encodeURIComponent(id)}`)
      show(screen, { id }, () => `The client ${id} is revoked.`)
    })
}
