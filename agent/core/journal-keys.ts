import type { Store } from './journal.ts'
import { bytes, integer, optional, type Row, text } from './journal-rows.ts'

export interface TrustedKey {
  readonly keyId: string
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array
  /** A recovery key vouches for mandate keys and signs nothing else. */
  readonly recovery: boolean
  /** A retired key is never trusted again. */
  readonly retired: boolean
}

export interface KeyTable {
  find(keyId: string): TrustedKey | null
  all(): TrustedKey[]
  /** Does nothing when a key of this name is known, retired or not. */
  add(key: Omit<TrustedKey, 'retired'>, at: number): void
  /** Recovery keys are not retired by anyone. */
  retire(keyId: string, at: number): void
  clear(): void
}

export function keyTable(store: Store): KeyTable {
  const find = store.prepare('SELECT * FROM keys WHERE key_id = ?')
  const all = store.prepare('SELECT * FROM keys ORDER BY added_at, key_id')
  const add = store.prepare(
    'INSERT INTO keys (key_id, public_key, recovery, added_at, retired_at) VALUES (?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING',
  )
  const retire = store.prepare(
    'UPDATE keys SET retired_at = ? WHERE key_id = ? AND recovery = 0 AND retired_at IS NULL',
  )
  const clear = store.prepare('DELETE FROM keys')
  return {
    find: (keyId) => {
      const row = find.get(keyId)
      return row === undefined ? null : keyOf(row)
    },
    all: () => all.all().map(keyOf),
    add(key, at) {
      store.demandCommit()
      add.run(key.keyId, key.publicKey, key.recovery ? 1 : 0, at)
    },
    retire(keyId, at) {
      store.demandCommit()
      retire.run(at, keyId)
    },
    clear() {
      store.demandCommit()
      clear.run()
    },
  }
}

const keyOf = (row: Row): TrustedKey => ({
  keyId: text(row, 'key_id'),
  publicKey: bytes(row, 'public_key'),
  recovery: integer(row, 'recovery') === 1,
  retired: row['retired_at'] !== null,
})

export interface StoredGrant {
  readonly grantId: string
  /** The encoded grant, as it was signed. */
  readonly body: Uint8Array
  readonly usedAt: number | null
}

export interface GrantTable {
  find(grantId: string): StoredGrant | null
  unused(): StoredGrant[]
  add(grantId: string, body: Uint8Array, expiresAt: number): void
  use(grantId: string, at: number): void
  forgetExpired(before: number): void
  clear(): void
}

export function grantTable(store: Store): GrantTable {
  const find = store.prepare('SELECT * FROM grants WHERE grant_id = ?')
  const unused = store.prepare('SELECT * FROM grants WHERE used_at IS NULL ORDER BY grant_id')
  const add = store.prepare(
    'INSERT INTO grants (grant_id, body, expires_at, used_at) VALUES (?, ?, ?, NULL) ON CONFLICT DO NOTHING',
  )
  const use = store.prepare('UPDATE grants SET used_at = ? WHERE grant_id = ?')
  const forgetExpired = store.prepare('DELETE FROM grants WHERE expires_at < ?')
  const clear = store.prepare('DELETE FROM grants')
  return {
    find: (grantId) => {
      const row = find.get(grantId)
      return row === undefined ? null : grantOf(row)
    },
    unused: () => unused.all().map(grantOf),
    add(grantId, body, expiresAt) {
      store.demandCommit()
      add.run(grantId, body, expiresAt)
    },
    use(grantId, at) {
      store.demandCommit()
      use.run(at, grantId)
    },
    forgetExpired(before) {
      store.demandCommit()
      forgetExpired.run(before)
    },
    clear() {
      store.demandCommit()
      clear.run()
    },
  }
}

const grantOf = (row: Row): StoredGrant => ({
  grantId: text(row, 'grant_id'),
  body: bytes(row, 'body'),
  usedAt: optional(integer, row, 'used_at'),
})
