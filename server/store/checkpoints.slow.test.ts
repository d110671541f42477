import { closeSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openSqlite } from './sqlite.ts'

/** The numbers that the log took at its last beginning. */
function readHead(log: string): string {
  const file = openSync(log, 'r')
  try {
    const head = Buffer.alloc(32)
    readSync(file, head, 0, head.length, 0)
    return head.toString('hex', 12, 24)
  } finally {
    closeSync(file)
  }
}

test('while writes go on without end, the log begins anew again and again, and closing leaves one whole file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-store-'))
  try {
    const store = await openSqlite({ folder })
    const log = join(folder, 'recourse.db-wal')
    const value = 'x'.repeat(300_000)
    let written = 0
    const put = () => {
      const name = `n${written++}`
      return store.write((it) => it.insertInto('setting').values({ name, value }).execute())
    }
    // The log as a file never shrinks below its limit; its head tells of each new beginning.
    const beginnings = new Set<string>()
    let longest = 0
    while (beginnings.size < 4 || written < 400) {
      await Promise.all([put(), put()])
      beginnings.add(readHead(log))
      longest = Math.max(longest, statSync(log).size)
    }
    await store.close()
    expect(readdirSync(folder).toSorted()).toEqual(['recourse.db', 'recourse.lock'])
    // Twice what it may be: what is written while the thread copies comes on top.
    expect(longest).toBeLessThan(2 * 16_384 * 4_120)
    const database = new DatabaseSync(join(folder, 'recourse.db'))
    expect(database.prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
    expect(database.prepare(`select count(*) as count from setting where length(value) = 300000`).get()).toEqual({
      count: written,
    })
    database.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
