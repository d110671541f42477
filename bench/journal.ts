import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openJournal } from '../agent/core/journal.ts'
import { encode } from '../protocol/codec.ts'
import type { Report } from '../protocol/messages.ts'
import { idsFrom } from '../tests/kit/orders.ts'
import { type BenchRow, inTurn } from './row.ts'

const commits = 1_000

/** One durable step of the agent: a commit that appends a report, against a bare durable insert of the same bytes. */
export const journalRows: readonly BenchRow[] = [
  {
    name: 'journal-commit',
    unit: 'commits/s',
    better: 'more',
    goal: 0.5,
    measure: async (say) => {
      const folder = mkdtempSync(join(tmpdir(), 'recourse-bench-'))
      const reports = Array.from({ length: commits }, makeReport)
      const bare = new DatabaseSync(join(folder, 'bare.db'))
      bare.exec(
        'pragma journal_mode = wal; pragma synchronous = full; create table report (id integer primary key, body blob not null)',
      )
      const insert = bare.prepare('insert into report (body) values (?)')
      const journal = openJournal(join(folder, 'journal.db'))
      try {
        return await inTurn(
          5,
          () => rate(() => reports.forEach((report) => insert.run(encode(report)))),
          () =>
            rate(() => reports.forEach((report) => journal.commit('begun', () => void journal.outbox.append(report)))),
          say,
        )
      } finally {
        journal.close()
        bare.close()
        rmSync(folder, { recursive: true, force: true })
      }
    },
  },
]

const ids = idsFrom(Date.UTC(2026, 10, 21))
const makeReport = (): Report => ({ kind: 'begun', actionId: ids.next(), at: 1_795_280_000_000 })

function rate(work: () => void): number {
  const begun = performance.now()
  work()
  return commits / ((performance.now() - begun) / 1_000)
}
