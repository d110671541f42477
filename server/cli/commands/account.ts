import type { Command } from 'commander'
import * as z from 'zod'
import { tokenView } from '../../people/tokens.ts'
import type { Context } from '../context.ts'
import { show, table, time } from '../show.ts'
import { listed } from './listed.ts'

const session = z.looseObject({
  id: z.string(),
  client: z.string(),
  createdAt: z.int(),
  lastUsedAt: z.int(),
  expiresAt: z.int(),
})

/** What is one's own: `recourse password`, `recourse sessions` and `recourse tokens`. */
export function accountCommands(program: Command, context: Context): void {
  const { screen } = context

  program
    .command('password')
    .description('change your own password; asks for the old one and the new one')
    .action(async () => {
      const current = await context.askSecret('Password until now: ')
      const next = await context.askSecret('New password: ')
      await context.controlPlane().post('/v1/me/password', { current, next }, z.unknown())
      context.forget()
      show(screen, { changed: true }, () => 'Changed. Every session and token of yours has ended; sign in again.')
    })

  const sessions = program.command('sessions').description('where you are signed in')

  sessions
    .command('list', { isDefault: true })
    .description('your sessions')
    .action(async () => {
      const read = await context.controlPlane().get('/v1/sessions', z.object({ items: z.array(session) }))
      show(screen, read, () =>
        table(
          ['ID', 'CLIENT', 'SINCE', 'LAST USED', 'EXPIRES'],
          read.items.map((it) => [it.id, it.client, time(it.createdAt), time(it.lastUsedAt), time(it.expiresAt)]),
          'None.',
        ),
      )
    })

  sessions
    .command('end <id>')
    .description('end a session')
    .action(async (id: string) => {
      await context.controlPlane().remove(`/v1/sessions/${encodeURIComponent(id)}`)
      show(screen, { id }, () => `The session ${id} has ended.`)
    })

  const tokens = program.command('tokens').description('your own tokens, for scripts')

  tokens
    .command('list', { isDefault: true })
    .description('your tokens; their text is never shown again')
    .action(async () => {
      const read = await context.controlPlane().get('/v1/tokens', z.object({ items: z.array(tokenView) }))
      show(screen, read, () =>
        table(
          ['ID', 'NAME', 'SCOPES', 'LAST USED', 'EXPIRES'],
          read.items.map((it) => [it.id, it.name, it.scopes.join(' '), time(it.lastUsedAt), time(it.expiresAt)]),
          'None.',
        ),
      )
    })

  tokens
    .command('create <name>')
    .description('make a token; its text is shown once')
    .requiredOption('--scopes <list>', 'permissions, separated by commas; at most your own')
    .option('--days <n>', 'how long it is good', '90')
    .action(async (name: string, { scopes, days }: { scopes: string; days: string }) => {
      const wish = { name, scopes: listed(scopes), expiresInDays: Number(days) }
      const made = await context.controlPlane().post('/v1/tokens', wish, tokenView.extend({ token: z.string() }))
      show(screen, made, () => made.token)
    })

  tokens
    .command('delete <id>')
    .description('make a token worthless')
    .action(async (id: string) => {
      await context.controlPlane().remove(`/v1/tokens/${encodeURIComponent(id)}`)
      show(screen, { id }, () => `The token ${id} is worthless.`)
    })
}
