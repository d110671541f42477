import { schedule } from 'node-cron'
import type { Logger } from 'pino'
import type { ActionDeps } from './actions/deps.ts'
import { endForGoneDevices, expireOverdue, pruneHistory } from './actions/expiry.ts'
import { signLastEntry } from './audit/chain.ts'
import { sweepDeciding } from './deciding.ts'
import { samplePresence } from './devices/presence-history.ts'
import { giveBackMemory } from './give-back.ts'
import { keyLifeMs } from './http/answer-once.ts'
import { pruneInvestigations } from './investigations/prune.ts'
import type { Signer } from './keys/signer.ts'
import { pruneEvents } from './live/events.ts'
import { sqliteTextIndex } from './store/sqlite-text-index.ts'
import type { Collected } from './vault/collected/collected.ts'

export interface JobsDeps {
  readonly actions: ActionDeps
  readonly collected: Collected
  readonly auditSigner: Signer
  /** Renews what has to be made anew once a day. */
  refresh(): Promise<void>
  readonly log: Logger
}

/** One piece of work that comes round: when, in cron's words by the clock of this machine, and what. */
export interface Job {
  readonly name: string
  readonly when: string
  run(): Promise<unknown>
}

/** Few enough that a write behind it hardly waits. */
const indexedAtOnce = 200
const indexRounds = 50

/** Everything the control plane does by itself. What each does depends only on the injected clock, so tests run them by hand. */
export const jobs = ({ actions, collected, auditSigner, refresh }: JobsDeps): Job[] => {
  const { store, source } = actions
  return [
    {
      name: 'expire',
      when: '* * * * *',
      run: async () => {
        await expireOverdue(actions)
        await endForGoneDevices(actions)
        await sweepDeciding(actions)
      },
    },
    {
      name: 'checkpoint',
      when: '*/5 * * * *',
      run: () => store.write((transaction) => signLastEntry(transaction, auditSigner, source.nowMs())),
    },
    {
      name: 'prune',
      when: '17 * * * *',
      run: async () => {
        const now = source.nowMs()
        await pruneHistory(actions)
        await pruneInvestigations(actions)
        await pruneEvents(store, now)
        await collected.prune()
        await store.write(async (transaction) => {
          await transaction.deleteFrom('session').where('expires_at', '<=', now).execute()
          await transaction.deleteFrom('access_token').where('expires_at', '<=', now).execute()
          await transaction.deleteFrom('api_token').where('expires_at', '<=', now).execute()
          await transaction
            .deleteFrom('idempotency')
            .where('created_at', '<', now - keyLifeMs)
            .execute()
        })
      },
    },
    {
      name: 'index-texts',
      when: '*/5 * * * * *',
      run: async () => {
        // A share at a time, so that a large history given to a new version does not hold up the end.
        for (let round = 0; round < indexRounds; round++) {
          const done = await store.write((transaction) => sqliteTextIndex.indexSome(transaction, indexedAtOnce))
          if (done < indexedAtOnce) return
        }
      },
    },
    { name: 'presence', when: '*/30 * * * *', run: () => samplePresence(actions) },
    { name: 'give-back', when: '30 * * * * *', run: giveBackMemory },
    { name: 'refresh', when: '41 3 * * *', run: refresh },
  ]
}

/** Runs each job once and then in its time; one that fails is logged and comes round again. Ends with the returned function. */
export function startJobs(deps: JobsDeps): () => Promise<void> {
  const running = new Set<Promise<unknown>>()
  const tasks = jobs(deps).map((job) => {
    const run = async () => {
      const work = job.run().catch((err: unknown) => deps.log.error({ err, job: job.name }, 'a job failed'))
      running.add(work)
      await work
      running.delete(work)
    }
    if (job.name !== 'refresh') void run()
    return schedule(job.when, run, { name: job.name, noOverlap: true })
  })
  return async () => {
    for (const task of tasks) await task.destroy()
    await Promise.all(running)
  }
}
