import type { Command } from 'commander'
import * as z from 'zod'
import type { Context } from '../context.ts'
import { CliFailure, connect, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { show, time } from '../show.ts'

const me = z.object({ name: z.string(), permissions: z.array(z.string()) })

export function signInCommands(program: Command, context: Context): void {
  const { screen } = context
  program
    .command('sign-in <url>')
    .description('open a session; asks for the password, or reads it from standard input')
    .requiredOption('--name <name>', 'your name')
    .action(async (url: string, { name }: { name: string }) => {
      if (!URL.canParse(url))
        throw new CliFailure(exitCodes.usage, `${url} is no address such as https://recourse.example`)
      const password = await context.askSecret(`Password of ${name}: `)
      const answer = await connect({ url, headers: {} }).fetch('/v1/sign-in', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name, password }),
      })
      const cookie = answer.headers
        .getSetCookie()
        .map((line) => line.split(';', 1)[0])
        .join('; ')
      const { expiresAt } = z.object({ expiresAt: z.int() }).parse(await answer.json())
      context.save({ url, cookie })
      show(
        screen,
        { name, url, expiresAt },
        () => `Signed in to ${url} as ${plainText(name)} until ${time(expiresAt)}.`,
      )
    })

  program
    .command('sign-out')
    .description('end the session')
    .action(async () => {
      const saved = context.saved()
      if (saved !== null) await context.controlPlane().post('/v1/sign-out', {}, z.unknown())
      context.forget()
      show(screen, { signedOut: true }, () => 'Signed out.')
    })

  program
    .command('whoami')
    .description('who you are and what you may do')
    .action(async () => {
      const found = await context.controlPlane().get('/v1/me', me)
      show(screen, found, () => `${plainText(found.name)}: ${found.permissions.join(', ')}`)
    })
}
