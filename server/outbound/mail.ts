import { isIP } from 'node:net'
import type { Kysely, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import type { Sealer } from '../devices/sealer.ts'
import type { Schema } from '../store/schema.ts'
import type { AddressGuard } from './address-guard.ts'
import { authorities } from './authorities.ts'
import type { Sent } from './webhook.ts'

const settingName = 'mail'
const purpose = 'mail password'

/** One plain address: no names, no lists, nothing that means something in a header. */
export const mailAddress = z
  .email()
  .max(254)
  .regex(/^[^\s<>",;:()[\]\\]+$/, 'one plain address, without a name')

const host = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[A-Za-z0-9.:-]+$/, 'a host name or an address')

/** The server that takes our mail. */
const mailWish = z.strictObject({
  host,
  port: z.int().min(1).max(65_535).default(587),
  security: z
    .enum(['tls', 'starttls', 'none'])
    .default('starttls')
    .describe('none sends in the clear: for a server on this machine'),
  user: z.string().max(254).nullable().default(null),
  password: z.string().max(1_000).nullable().default(null).describe('Left out or null: none'),
  ca: authorities,
  from: mailAddress,
})

/** As it comes in. */
export const mailChange = mailWish.extend({
  keepPassword: z.boolean().default(false).describe('Keep the password that is kept, where none is given'),
  revision: z.int().optional().describe('Change it only if nobody else has since'),
})

const stored = mailWish
  .omit({ password: true })
  .extend({ sealedPassword: z.string().nullable(), revision: z.int().default(1) })
/** Shown without the password. */
export const mailView = mailWish.omit({ password: true }).extend({ hasPassword: z.boolean(), revision: z.int() })

async function read(db: Kysely<Schema>): Promise<z.infer<typeof stored> | null> {
  const row = await db.selectFrom('setting').select('value').where('name', '=', settingName).executeTakeFirst()
  return row === undefined ? null : stored.parse(JSON.parse(row.value))
}

export async function viewMail(db: Kysely<Schema>): Promise<z.infer<typeof mailView> | null> {
  const found = await read(db)
  if (found === null) return null
  const { sealedPassword, ...shown } = found
  return { ...shown, hasPassword: sealedPassword !== null }
}

/**
 * Sets the server that takes our mail. Throws RecourseError `content_changed` when somebody else has since, and `request_invalid` where
 * the password is to be kept for another host or way: whoever may set the server must not learn the password by having it sent to their own.
 */
export async function writeMail(
  transaction: Transaction<Schema>,
  sealer: Sealer,
  { password, keepPassword, revision, ...plain }: z.infer<typeof mailChange>,
): Promise<void> {
  const before = await read(transaction)
  if (revision !== undefined && revision !== (before?.revision ?? 0)) {
    throw new RecourseError('content_changed', 'somebody has changed the mail server since')
  }
  const keeps = password === null && keepPassword && before !== null
  const way = (it: Omit<z.infer<typeof mailWish>, 'password'>) =>
    JSON.stringify([it.host, it.port, it.security, it.user, it.ca])
  if (keeps && before.sealedPassword !== null && way(plain) !== way(before)) {
    throw new RecourseError('request_invalid', 'a changed way to the mail server needs its password again')
  }
  const sealed = password === null ? null : Buffer.from(sealer.seal(password, purpose)).toString('base64')
  const sealedPassword = keeps ? before.sealedPassword : sealed
  const value = JSON.stringify({
    ...plain,
    sealedPassword,
    revision: (before?.revision ?? 0) + 1,
  } satisfies z.infer<typeof stored>)
  await transaction
    .insertInto('setting')
    .values({ name: settingName, value })
    .onConflict((it) => it.column('name').doUpdateSet({ value }))
    .execute()
}

export interface Mail {
  readonly to: readonly string[]
  readonly subject: string
  /** Plain text; there is no other. */
  readonly text: string
  readonly id: string
}

const timeoutMs = 15_000

/** Hands a mail to the server that is set; where that is inside, it must be allowed like any other address. */
export async function sendMail(
  db: Kysely<Schema>,
  { sealer, guard }: { readonly sealer: Sealer; readonly guard: AddressGuard },
  { to, subject, text, id }: Mail,
): Promise<Sent> {
  const set = await read(db)
  if (set === null) return { ok: false, why: 'no mail server is set' }
  const found = await guard.resolve(set.host)
  if ('why' in found) return { ok: false, why: found.why }
  const pass = set.sealedPassword === null ? null : sealer.open(Buffer.from(set.sealedPassword, 'base64'), purpose)
  // Only here: the command line reads the schemas above and sends nothing.
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host: found.address,
    port: set.port,
    secure: set.security === 'tls',
    requireTLS: set.security === 'starttls',
    ignoreTLS: set.security === 'none',
    tls: {
      minVersion: 'TLSv1.2',
      // An address is itself what the certificate must be for; a name is that, not the address it was found at.
      ...(isIP(set.host) === 0 ? { servername: set.host } : {}),
      ...(set.ca === null ? {} : { ca: set.ca }),
    },
    ...(set.user === null || pass === null ? {} : { auth: { user: set.user, pass } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    await transport.sendMail({
      from: set.from,
      to: [...to],
      subject: oneLine(subject),
      text,
      messageId: `<${id}@${set.from.split('@')[1] ?? 'recourse'}>`,
      headers: { 'auto-submitted': 'auto-generated' },
    })
    return { ok: true }
  } catch (failure) {
    return { ok: false, why: oneLine(failure instanceof Error ? failure.message : String(failure)).slice(0, 300) }
  } finally {
    transport.close()
  }
}

/** Text from devices and people must not begin a line of its own in a header. */
const oneLine = (text: string): string => text.replaceAll(/[\p{C}\u2028\u2029]+/gu, ' ').slice(0, 200)
