import { statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Selectable, Transaction } from 'kysely'
import { encode } from '../../protocol/codec.ts'
import { RecourseError } from '../../protocol/errors.ts'
import type { KeyStatement, Signed } from '../../protocol/mandate.ts'
import type { EnrolAnswer } from '../../protocol/messages.ts'
import { readIfThere, writeSecretFile } from '../devices/key-file.ts'
import type { Source } from '../source.ts'
import type { MandateKeyTable, Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { type Signer, signerFrom } from './signer.ts'

/**
 * INVARIANTS
 * - A private key is a file of this user alone (0600), whole or absent after any crash; nothing private is in the store.
 * - A new mandate key is on the disk before the store names it, and devices hear of it by a statement that a key they trust has
 *   signed (TRU4). The old one is deleted only after the store has retired it.
 * - The recovery key's private part is never written anywhere: it is returned once, to be kept offline.
 */
export interface Keys {
  /** Signs mandates, break-glass grants and statements about keys; the one in use now. */
  mandate(): Signer
  readonly audit: Signer
  /** 32 bytes that never leave this server: seals codes and cursors. */
  readonly secret: Uint8Array
  /** What a device that enrols now is to trust. */
  known(): EnrolAnswer['mandateKeys']
  /** Every statement, oldest first; the same objects until there is another one. */
  statements(): readonly Signed[]
  /** Makes the next mandate key, and within the same write lets the caller sign anew what waits. */
  rotate(
    within: (transaction: Transaction<Schema>, next: Signer, previousKeyId: string) => Promise<void>,
  ): Promise<Signed>
  /** Makes the recovery key; the text is its only copy. Call {@link refresh} when the write has happened. */
  addRecovery(transaction: Transaction<Schema>): Promise<{ text: string; statement: Signed }>
  refresh(): Promise<void>
}

export interface KeysOptions {
  readonly folder: string
  readonly store: Store
  readonly source: Source
  /** The recovery key's text, when the mandate key was lost and a new one is to be made. */
  readonly recoveryKey?: string | undefined
}

/** Opens the keys of this server, making what is missing. Rejects when the mandate key that devices trust is gone. */
export async function openKeys({ folder, store, source, recoveryKey }: KeysOptions): Promise<Keys> {
  const newSeed = () => source.randomBytes(32)
  const audit = signerFrom(seedAt(join(folder, 'audit.key'), newSeed))
  const secret = seedAt(join(folder, 'server.secret'), newSeed)
  const fileOf = (keyId: string) => join(folder, `mandate-${keyId}.key`)

  const make = (): Signer => {
    const seed = newSeed()
    const signer = signerFrom(seed)
    writeSecretFile(fileOf(signer.keyId), `${Buffer.from(seed).toString('hex')}\n`)
    return signer
  }

  const insert = (transaction: Transaction<Schema>, key: Signer, recovery: boolean, statement: Signed | null) =>
    transaction
      .insertInto('mandate_key')
      .values({
        key_id: key.keyId,
        public_key: key.publicKey,
        recovery: recovery ? 1 : 0,
        created_at: source.nowMs(),
        retired_at: null,
        statement_body: statement?.body ?? null,
        statement_key_id: statement?.keyId ?? null,
        statement_signature: statement?.signature ?? null,
      })
      .execute()

  /** Writes down that `next` takes the place of the previous key, on the word of `by`. */
  const succeed = async (transaction: Transaction<Schema>, by: Signer, previousKeyId: string, next: Signer) => {
    const statement = state(by, next, { retires: [previousKeyId], issuedAt: source.nowMs() })
    await transaction
      .updateTable('mandate_key')
      .set({ retired_at: source.nowMs() })
      .where('key_id', '=', previousKeyId)
      .execute()
    await insert(transaction, next, false, statement)
    return statement
  }

  const open = async (): Promise<Signer> => {
    const row = await store.read
      .selectFrom('mandate_key')
      .selectAll()
      .where('recovery', '=', 0)
      .where('retired_at', 'is', null)
      .executeTakeFirst()
    if (row === undefined) {
      const first = make()
      await store.write((transaction) => insert(transaction, first, false, null))
      return first
    }
    const seed = readSeed(fileOf(row.key_id))
    if (seed !== null) return signerFrom(seed)
    if (recoveryKey === undefined) {
      throw new RecourseError('internal', `the mandate key ${row.key_id} is gone; start once with the recovery key`)
    }
    const recovery = recoverySigner(recoveryKey)
    const known = await store.read
      .selectFrom('mandate_key')
      .select('key_id')
      .where('key_id', '=', recovery.keyId)
      .where('recovery', '=', 1)
      .executeTakeFirst()
    if (known === undefined) throw new RecourseError('internal', 'this is not the recovery key of this control plane')
    const next = make()
    await store.write((transaction) => succeed(transaction, recovery, row.key_id, next))
    return next
  }

  let current = await open()
  const readAll = () => store.read.selectFrom('mandate_key').selectAll().orderBy('created_at').execute()
  let rows = await readAll()
  let statements = statementsIn(rows)
  const refresh = async () => {
    rows = await readAll()
    statements = statementsIn(rows)
  }

  return {
    mandate: () => current,
    audit,
    secret,
    known: () =>
      rows
        .filter((row) => row.retired_at === null)
        .map((row) => ({
          keyId: row.key_id,
          publicKeyHex: Buffer.from(row.public_key).toString('hex'),
          recovery: row.recovery === 1,
        })),
    statements: () => statements,
    rotate: async (within) => {
      const next = make()
      let previous: Signer | null = null
      const written = store.write(async (transaction) => {
        const old = current
        const said = await succeed(transaction, old, old.keyId, next)
        await within(transaction, next, old.keyId)
        // What follows in the same commit signs with the new key already: the old one is retired by then.
        previous = old
        current = next
        return said
      })
      const statement = await written.catch((failure: unknown) => {
        if (previous !== null && current === next) current = previous
        throw failure
      })
      await refresh()
      unlinkSync(fileOf(statement.keyId))
      return statement
    },
    addRecovery: async (transaction) => {
      const seed = newSeed()
      const recovery = signerFrom(seed)
      const statement = state(current, recovery, { recovery: true, retires: [], issuedAt: source.nowMs() })
      await insert(transaction, recovery, true, statement)
      return { text: recoveryText(seed), statement }
    },
    refresh,
  }
}

const state = (by: Signer, key: Signer, rest: Pick<KeyStatement, 'recovery' | 'retires' | 'issuedAt'>): Signed => {
  const statement: KeyStatement = { v: 1, keyId: key.keyId, publicKey: new Uint8Array(key.publicKey), ...rest }
  return by.sign('key', encode(statement))
}

const statementsIn = (rows: readonly Selectable<MandateKeyTable>[]): Signed[] =>
  rows.flatMap(({ statement_body: body, statement_key_id: keyId, statement_signature: signature }) =>
    body === null || keyId === null || signature === null
      ? []
      : [{ body: new Uint8Array(body), keyId, signature: new Uint8Array(signature) }],
  )

const recoveryHead = 'recourse-recovery-1'

/** The private recovery key as a person keeps it: `recourse-recovery-1-` and eight groups of eight hex digits. */
const recoveryText = (seed: Uint8Array): string =>
  [recoveryHead, ...(Buffer.from(seed).toString('hex').match(/.{8}/g) ?? [])].join('-')

/** The signer behind the text that set-up has shown. Throws RecourseError `request_invalid` for any other text. */
export function recoverySigner(text: string): Signer {
  const digits = text.trim().toLowerCase().replace(`${recoveryHead}-`, '').replaceAll('-', '')
  if (!/^[0-9a-f]{64}$/.test(digits)) throw new RecourseError('request_invalid', 'this is no recovery key')
  return signerFrom(Buffer.from(digits, 'hex'))
}

function seedAt(path: string, newSeed: () => Uint8Array): Uint8Array {
  const seed = readSeed(path)
  if (seed !== null) return seed
  const made = newSeed()
  writeSecretFile(path, `${Buffer.from(made).toString('hex')}\n`)
  return made
}

/** A key that others can read is no secret any more: it is refused rather than used. */
function readSeed(path: string): Uint8Array | null {
  const content = readIfThere(path)
  if (content === null) return null
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new RecourseError('not_permitted', `${path} can be read by others; make it 0600, or make a new key`)
  }
  const digits = content.trim()
  if (!/^[0-9a-f]{64}$/.test(digits)) throw new RecourseError('internal', `${path} is not a key`)
  return Buffer.from(digits, 'hex')
}
