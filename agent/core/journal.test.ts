import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import { type Journal, openJournal } from './journal.ts'
import { journalVersion } from './journal-schema.ts'

const id = '01936000-0000-7000-8000-000000000001' as ActionId
let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-journal-'))
  path = join(folder, 'journal.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

const received = (journal: Journal) =>
  journal.commit('received', () => {
    journal.ledger.add(
      {
        actionId: id,
        digest: Uint8Array.of(1),
        order: Uint8Array.of(2),
        kind: 'do',
        action: 'kill-process',
        undoOf: null,
        lane: 'process:1',
        state: 'received',
        way: null,
        effect: 'none',
        outcome: null,
      },
      5,
    )
    journal.outbox.append({ kind: 'received', actionId: id, at: 5 })
  })

describe('the journal', () => {
  test('is for root alone, waits for the disk, and remembers its version', () => {
    const journal = openJournal(path)
    received(journal)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
    journal.close()
    const database = new DatabaseSync(path, { readOnly: true })
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: journalVersion })
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    database.close()
  })

  test('is held by one agent: in this process, and in another', () => {
    const journal = openJournal(path)
    expect(() => openJournal(path)).toThrow(expect.objectContaining({ code: 'store_locked' }))
    const script = `
      const { DatabaseSync } = require('node:sqlite')
      try { new DatabaseSync(${JSON.stringify(path)}).exec('BEGIN IMMEDIATE') } catch (error) { console.log(error.message) }`
    const other = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    expect(other.stdout).toContain('locked')
    journal.close()
    openJournal(path).close()
  })

  test('keeps what was committed when the process dies without a word', () => {
    const journal = openJournal(path)
    received(journal)
    // What is on the disk at this moment, as a power cut would leave it.
    const after = join(folder, 'after.db')
    copyFileSync(path, after)
    copyFileSync(`${path}-wal`, `${after}-wal`)
    journal.close()
    const again = openJournal(after)
    expect(again.ledger.find(id)).toMatchObject({ state: 'received', lane: 'process:1', outcome: null })
    expect(again.outbox.after(0, 9)).toEqual([{ sequence: 1, report: { kind: 'received', actionId: id, at: 5 } }])
    again.close()
  })

  test('takes all of a commit or nothing, and tells nobody of nothing', () => {
    const journal = openJournal(path)
    const heard: number[] = []
    journal.subscribe(() => heard.push(journal.outbox.last()))
    expect(() =>
      journal.commit('ended', () => {
        journal.outbox.append({ kind: 'begun', actionId: id, at: 1 })
        throw new Error('in the middle')
      }),
    ).toThrow('in the middle')
    expect(journal.outbox.last()).toBe(0)
    expect(heard).toEqual([])
    received(journal)
    expect(heard).toEqual([1])
    journal.close()
  })

  test('is not written outside of a commit, nor in one inside another', () => {
    const journal = openJournal(path)
    expect(() => journal.outbox.append({ kind: 'begun', actionId: id, at: 1 })).toThrow('inside a commit')
    expect(() => journal.commit('ended', () => journal.commit('begun', () => null))).toThrow('inside another')
    journal.close()
  })

  test('stops before and after each commit where it is told to: before, nothing is written; after, everything', () => {
    let at: 'before' | 'after' | null = 'before'
    const journal = openJournal(path, {
      onCommit: (phase) => {
        if (phase === at) throw new Error(`stopped ${phase}`)
      },
    })
    expect(() => received(journal)).toThrow('stopped before')
    expect(journal.ledger.find(id)).toBeNull()
    at = 'after'
    expect(() => received(journal)).toThrow('stopped after')
    expect(journal.ledger.find(id)).not.toBeNull()
    at = null
    journal.close()
  })

  test('[JRN7] from a newer agent is left alone', () => {
    openJournal(path).close()
    const database = new DatabaseSync(path)
    database.exec(`PRAGMA user_version = ${journalVersion + 1}`)
    database.close()
    expect(() => openJournal(path)).toThrow(`reads up to ${journalVersion}`)
  })

  test('that is no journal is not overwritten', () => {
    writeFileSync(path, 'something else, and long enough to be looked at as a database'.repeat(100))
    expect(() => openJournal(path)).toThrow(expect.objectContaining({ code: 'record_damaged' }))
    expect(statSync(path).size).toBeGreaterThan(1_000)
  })

  test('notices a record that is not what was written', () => {
    const journal = openJournal(path)
    received(journal)
    journal.commit('intended', () =>
      journal.records.put(id, { action: 'kill-process', params: { a: 1 }, inverse: null, touches: [], gaps: [] }),
    )
    expect(journal.records.find(id)).toMatchObject({ params: { a: 1 } })
    journal.close()
    const database = new DatabaseSync(path)
    const body = database.prepare('SELECT body FROM records').get()?.['body']
    if (!(body instanceof Uint8Array)) throw new Error('no record')
    // One letter of a name: still a record that can be read.
    body[Buffer.from(body).indexOf('kill-process')] = 0x62
    database.prepare('UPDATE records SET body = ?').run(body)
    database.close()
    const again = openJournal(path)
    expect(() => again.records.find(id)).toThrow(expect.objectContaining({ code: 'record_damaged' }))
    again.close()
  })

  test('[JRN3] drops the bytes of old orders, and knows them still', () => {
    const journal = openJournal(path)
    received(journal)
    journal.commit('opened', () => expect(journal.ledger.compact(1_000)).toBe(0))
    journal.commit('ended', () =>
      journal.ledger.end(id, { status: 'refused', code: 'internal', detail: '', at: 6 }, 'none', 6),
    )
    journal.commit('opened', () => expect(journal.ledger.compact(1_000)).toBe(1))
    expect(journal.ledger.find(id)).toMatchObject({
      order: null,
      digest: Uint8Array.of(1),
      outcome: { status: 'refused' },
    })
    journal.close()
  })
})

test('thousands of journals live in one process', () => {
  const journals = Array.from({ length: 300 }, () => openJournal(':memory:'))
  for (const journal of journals) received(journal)
  expect(journals.every(({ outbox }) => outbox.last() === 1)).toBe(true)
  for (const journal of journals) journal.close()
})
