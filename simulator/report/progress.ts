import { hasEnded } from '../../protocol/status.ts'
import type { ShardCounts } from '../fleet/shard.ts'
import type { Book } from '../invariants/book.ts'
import { spreadOf } from './latency.ts'

/** What a run tells while it goes on. */
export interface Progress {
  said(line: string): void
  counted(now: {
    readonly step: string
    readonly counts: ShardCounts
    readonly book: Book
    readonly broken: number
  }): void
}

export const noProgress: Progress = { said: () => undefined, counted: () => undefined }

/** Lines for people: one that is rewritten on a terminal, one every few seconds elsewhere. */
export function progressTo(stream: NodeJS.WriteStream, nowMs: () => number): Progress {
  const everyMs = stream.isTTY ? 1_000 : 5_000
  let last = 0
  return {
    said(line) {
      stream.write(`${stream.isTTY ? '\r\u001b[K' : ''}${line}\n`)
    },
    counted({ step, counts, book, broken }) {
      if (nowMs() - last < everyMs) return
      last = nowMs()
      const entries = [...book.entries.values()]
      const ended = entries.filter(({ status }) => hasEnded(status))
      const undone = ended.filter(({ kind }) => kind === 'undo').length
      const waits = spreadOf(
        entries.flatMap(({ approvedAt, arrivedAt }) =>
          approvedAt === null || arrivedAt === null ? [] : [arrivedAt - approvedAt],
        ),
      )
      const text = [
        step,
        `${counts.connected}/${counts.devices} connected`,
        `${entries.length} orders, ${ended.length} ended, ${undone} undos`,
        waits === null ? 'no latency yet' : `p50 ${waits.p50} p99 ${waits.p99} ms`,
        broken === 0 ? 'invariants hold' : `${broken} BROKEN`,
      ].join(' · ')
      stream.write(stream.isTTY ? `\r\u001b[K${text.slice(0, stream.columns - 1)}` : `${text}\n`)
    },
  }
}
