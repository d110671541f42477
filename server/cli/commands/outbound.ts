import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import * as z from 'zod'
import { forwarderView } from '../../outbound/forwarders.ts'
import { mailView } from '../../outbound/mail.ts'
import { ruleView } from '../../outbound/rules.ts'
import type { Context } from '../context.ts'
import { CliFailure, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { show, table } from '../show.ts'
import { listed } from './listed.ts'

const rules = z.object({ rules: z.array(ruleView) })
const forwarders = z.object({ forwarders: z.array(forwarderView) })
const secret = { secret: z.string().nullable() }
const tested = z.object({ ok: z.boolean(), why: z.string() })

interface FilterOptions {
  readonly statuses?: string
  readonly actions?: string
  readonly kinds?: string
  readonly groups?: string
  readonly sources?: string
}

/** What the options say about whom a rule is for; empty when they say nothing. */
const filterOf = ({
  statuses,
  actions,
  kinds,
  groups,
  sources,
}: FilterOptions): { readonly [name: string]: string[] } =>
  Object.fromEntries(
    Object.entries({ statuses, actions, kinds, groups, sources }).flatMap(([name, text]) =>
      text === undefined ? [] : [[name, listed(text)]],
    ),
  )

const withFilter = (command: Command): Command =>
  command
    .option('--statuses <list>', 'pending-approval, failed, conflict …')
    .option('--actions <list>', 'kinds of action')
    .option('--kinds <list>', 'do, undo')
    .option('--groups <ids>', 'device groups')
    .option('--sources <list>', 'action sources')

interface MailOptions {
  readonly host?: string
  readonly port: string
  readonly security: string
  readonly user?: string
  readonly from: string
  readonly ca?: string
}

interface SwitchOptions {
  readonly name?: string
  readonly on?: true
  readonly off?: true
}

const withSwitch = (command: Command): Command =>
  command
    .option('--name <text>', 'another name')
    .option('--on', 'begin again')
    .option('--off', 'pause it; nothing is lost')

function switched({ name, on, off }: SwitchOptions): { readonly name?: string; readonly enabled?: boolean } {
  if (on && off) throw new CliFailure(exitCodes.usage, '--on or --off, not both')
  return { ...(name === undefined ? {} : { name }), ...(on || off ? { enabled: on === true } : {}) }
}

interface Aim {
  readonly webhook?: string
  readonly mail?: string
  readonly syslog?: string
}

/** `recourse notifications` and `recourse forwarders`. */
export function outboundCommands(program: Command, context: Context): void {
  const { screen } = context
  const test = async (path: string) => {
    const how = await context.controlPlane().post(path, {}, tested)
    show(screen, how, () => (how.ok ? 'It was taken.' : `It was not taken: ${how.why}`))
    if (!how.ok) throw new CliFailure(exitCodes.refused, '')
  }
  const secretText = (it: { id: string; secret: string | null }) =>
    it.secret === null ? it.id : `${it.id}\nsecret  ${it.secret}`

  const notification = program.command('notifications').description('who is told of what, by webhook or mail')

  notification
    .command('list', { isDefault: true })
    .description('every rule')
    .action(async () => {
      const read = await context.controlPlane().get('/v1/notifications', rules)
      show(screen, read, () =>
        table(
          ['ID', 'NAME', 'ON', 'TO', 'STATUSES', 'WAITING', 'PROBLEM'],
          read.rules.map((it) => [
            it.id,
            it.name,
            it.enabled ? 'yes' : 'no',
            it.channel.kind === 'webhook' ? it.channel.url : it.channel.to.join(' '),
            it.filter.statuses.join(' '),
            String(it.waiting),
            it.problem,
          ]),
          'None.',
        ),
      )
    })

  withFilter(notification.command('create <name>'))
    .description('tell somebody')
    .option('--webhook <url>', 'call this address, signed')
    .option('--mail <addresses>', 'write to these, separated by commas')
    .option('--digest <minutes>', 'gather mail so long', '5')
    .action(async (name: string, options: Aim & FilterOptions & { digest: string }) => {
      const { webhook, mail, digest } = options
      if ((webhook === undefined) === (mail === undefined))
        throw new CliFailure(exitCodes.usage, 'say --webhook URL or --mail ADDRESSES')
      const channel =
        webhook === undefined
          ? { kind: 'mail', to: listed(mail ?? ''), digestMinutes: Number(digest) }
          : { kind: 'webhook', url: webhook }
      const wish = { name, filter: filterOf(options), channel }
      const made = await context.controlPlane().post('/v1/notifications', wish, ruleView.extend(secret))
      show(screen, made, () => secretText(made))
    })

  withFilter(withSwitch(notification.command('change <id>')))
    .description('rename a rule, pause it, or say anew what it tells of')
    .action(async (id: string, options: SwitchOptions & FilterOptions) => {
      const filter = filterOf(options)
      const change = { ...switched(options), ...(Object.keys(filter).length === 0 ? {} : { filter }) }
      const changed = await context
        .controlPlane()
        .patch(`/v1/notifications/${encodeURIComponent(id)}`, change, ruleView)
      show(screen, changed, () => `${plainText(changed.name)} is ${changed.enabled ? 'on' : 'off'}.`)
    })

  notification
    .command('test <id>')
    .description('send a test now')
    .action((id: string) => test(`/v1/notifications/${encodeURIComponent(id)}/test`))

  notification
    .command('delete <id>')
    .description('delete a rule and what waits for it')
    .action(async (id: string) => {
      await context.controlPlane().remove(`/v1/notifications/${encodeURIComponent(id)}`)
      show(screen, { id }, () => 'It is gone.')
    })

  notification
    .command('mail-server')
    .description('the server that takes our mail; with --host, sets it')
    .option('--host <name>', 'its name or address')
    .option('--port <n>', 'its port', '587')
    .option('--security <kind>', 'tls, starttls or none', 'starttls')
    .option('--user <name>', 'asks for the password')
    .option('--from <address>', 'whom mail comes from', 'recourse@localhost.localdomain')
    .option('--ca <file>', 'who vouches for the mail server (PEM); left out, the authorities of its system')
    .action(async (options: MailOptions) => {
      const answer = z.object({ mail: mailView.nullable() })
      const { host, port, security, user, from, ca } = options
      const controlPlane = context.controlPlane()
      if (host === undefined) {
        const read = await controlPlane.get('/v1/mail', answer)
        return show(screen, read, () => (read.mail === null ? 'None is set.' : `${read.mail.host}:${read.mail.port}`))
      }
      const password = user === undefined ? null : await context.askSecret('Password of the mail server: ')
      const wish = { host, port: Number(port), security, user: user ?? null, password, from, ca: readAuthorities(ca) }
      const set = await controlPlane.put('/v1/mail', wish, answer)
      show(screen, set, () => `Mail goes by ${host}.`)
    })

  const forwarder = program.command('forwarders').description('who gets the audit chain, or OCSF events, as it grows')

  forwarder
    .command('list', { isDefault: true })
    .description('every forwarder and how far it is')
    .action(async () => {
      const read = await context.controlPlane().get('/v1/forwarders', forwarders)
      show(screen, read, () =>
        table(
          ['ID', 'NAME', 'ON', 'CONTENT', 'TO', 'BEHIND', 'PROBLEM'],
          read.forwarders.map((it) => [
            it.id,
            it.name,
            it.enabled ? 'yes' : 'no',
            it.content,
            it.target.kind === 'webhook' ? it.target.url : `${it.target.host}:${it.target.port}`,
            String(it.behind),
            it.problem,
          ]),
          'None.',
        ),
      )
    })

  forwarder
    .command('create <name>')
    .description('send the chain somewhere')
    .option('--webhook <url>', 'call this address, signed')
    .option('--syslog <host:port>', 'syslog over TLS')
    .option('--ca <file>', 'who vouches for the syslog receiver (PEM)')
    .option('--content <what>', 'audit, ocsf or both', 'audit')
    .option('--from <where>', 'beginning or now', 'now')
    .action(async (name: string, options: Aim & { ca?: string; content: string; from: string }) => {
      const { webhook, syslog, ca, content, from } = options
      const body = { name, content, from, target: targetOf(webhook, syslog, ca) }
      const made = await context.controlPlane().post('/v1/forwarders', body, forwarderView.extend(secret))
      show(screen, made, () => secretText(made))
    })

  withSwitch(forwarder.command('change <id>'))
    .description('rename a forwarder, or pause it')
    .action(async (id: string, options: SwitchOptions) => {
      const path = `/v1/forwarders/${encodeURIComponent(id)}`
      const changed = await context.controlPlane().patch(path, switched(options), forwarderView)
      show(screen, changed, () => `${plainText(changed.name)} is ${changed.enabled ? 'on' : 'off'}.`)
    })

  forwarder
    .command('test <id>')
    .description('send a test now')
    .action((id: string) => test(`/v1/forwarders/${encodeURIComponent(id)}/test`))

  forwarder
    .command('delete <id>')
    .description('delete a forwarder')
    .action(async (id: string) => {
      await context.controlPlane().remove(`/v1/forwarders/${encodeURIComponent(id)}`)
      show(screen, { id }, () => 'It is gone.')
    })
}

function targetOf(webhook: string | undefined, syslog: string | undefined, ca: string | undefined) {
  if (webhook !== undefined) return { kind: 'webhook', url: webhook }
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(syslog ?? '') ?? []
  if (host === undefined) throw new CliFailure(exitCodes.usage, 'say --webhook URL or --syslog HOST:PORT')
  return { kind: 'syslog', host, port: Number(port), ca: readAuthorities(ca) }
}

function readAuthorities(file: string | undefined): string | null {
  if (file === undefined) return null
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new CliFailure(exitCodes.usage, `${file} cannot be read`, null, { cause })
  }
}
