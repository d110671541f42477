import type { DatabaseSync } from 'node:sqlite'
import { RecourseError } from '../../protocol/errors.ts'

/**
 * The tables of the journal, as steps from each version to the next. A step that has been released is never edited: journals
 * written by it are in the field (JRN7). `PRAGMA user_version` says how many steps a file has taken.
 */
const steps: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  -- One row for each order ever taken, kept for ever (JRN3). The digest outlives the bytes of the order.
  CREATE TABLE ledger (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    action_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    order_bytes BLOB,
    kind TEXT NOT NULL CHECK (kind IN ('do', 'undo')),
    action TEXT NOT NULL,
    undo_of TEXT,
    lane TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('received', 'begun', 'intended', 'ended')),
    way TEXT CHECK (way IN ('as-found', 'beside', 'replace')),
    effect TEXT NOT NULL CHECK (effect IN ('none', 'in-force', 'reverted', 'lapsed', 'unknown')),
    outcome BLOB,
    received_at INTEGER NOT NULL,
    ended_at INTEGER
  ) STRICT;
  CREATE INDEX ledger_open ON ledger (arrival) WHERE state <> 'ended';

  -- What is needed to take an action back. grace_left_ms runs once it was taken back (UND4).
  CREATE TABLE records (
    action_id TEXT PRIMARY KEY REFERENCES ledger (action_id),
    schema_version INTEGER NOT NULL,
    body BLOB NOT NULL,
    checksum BLOB NOT NULL,
    grace_left_ms INTEGER
  ) STRICT;

  CREATE INDEX records_in_grace ON records (grace_left_ms) WHERE grace_left_ms IS NOT NULL;

  -- What stands now. The time left of a limit was measured at boot_ms of boot_id.
  CREATE TABLE effects (
    action_id TEXT PRIMARY KEY REFERENCES records (action_id),
    effect TEXT NOT NULL CHECK (effect IN ('in-force', 'unknown')),
    proved_at INTEGER NOT NULL,
    until INTEGER,
    left_ms INTEGER,
    boot_id TEXT,
    boot_ms INTEGER,
    taking_back TEXT CHECK (taking_back IN ('lapsed', 'break-glass'))
  ) STRICT;
  CREATE INDEX effects_limited ON effects (until) WHERE until IS NOT NULL;
  CREATE INDEX effects_taking_back ON effects (taking_back) WHERE taking_back IS NOT NULL;

  -- AUTOINCREMENT: a sequence number is never given twice, even after every row was deleted (JRN4).
  CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    action_id TEXT,
    kind TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX outbox_by_action ON outbox (action_id, kind);

  -- Cancelled before they were seen.
  CREATE TABLE tombstones (action_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;

  CREATE TABLE keys (
    key_id TEXT PRIMARY KEY,
    public_key BLOB NOT NULL,
    recovery INTEGER NOT NULL CHECK (recovery IN (0, 1)),
    added_at INTEGER NOT NULL,
    retired_at INTEGER
  ) STRICT;

  CREATE TABLE grants (grant_id TEXT PRIMARY KEY, body BLOB NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER) STRICT;
  `,
  // The effect 'purged'. SQLite changes a CHECK only by making the table anew.
  `
  CREATE TABLE ledger_2 (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    action_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    order_bytes BLOB,
    kind TEXT NOT NULL CHECK (kind IN ('do', 'undo')),
    action TEXT NOT NULL,
    undo_of TEXT,
    lane TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('received', 'begun', 'intended', 'ended')),
    way TEXT CHECK (way IN ('as-found', 'beside', 'replace')),
    effect TEXT NOT NULL CHECK (effect IN ('none', 'in-force', 'reverted', 'lapsed', 'unknown', 'purged')),
    outcome BLOB,
    received_at INTEGER NOT NULL,
    ended_at INTEGER
  ) STRICT;
  INSERT INTO ledger_2 SELECT * FROM ledger;
  DROP TABLE ledger;
  ALTER TABLE ledger_2 RENAME TO ledger;
  CREATE INDEX ledger_open ON ledger (arrival) WHERE state <> 'ended';
  `,
]

/** The version this code writes. */
export const journalVersion = steps.length

/** Brings a journal forward to {@link journalVersion}, each step in a transaction of its own. RecourseError when it is from the future. */
export function migrate(database: DatabaseSync): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (found > journalVersion)
    throw new RecourseError('internal', `the journal has version ${found}; this agent reads up to ${journalVersion}`)
  if (found === journalVersion) return
  // A table that others point at can only be made anew while nobody looks where they point.
  database.exec('PRAGMA foreign_keys = OFF')
  for (const [at, sql] of steps.entries()) {
    if (at < found) continue
    database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${at + 1}; COMMIT;`)
  }
  database.exec('PRAGMA foreign_keys = ON')
  if (database.prepare('PRAGMA foreign_key_check').get() !== undefined)
    throw new RecourseError('record_damaged', 'the journal names actions that it does not know')
}
