import { RecourseError } from '../../protocol/errors.ts'

/**
 * Who runs when (JRN5).
 *
 * INVARIANTS
 * - Jobs of one key start in order of arrival, each after the one before has ended. At most `maxParallel` jobs run.
 * - A job holds a resource alone. Who waits for resources gets all of them at once or none, and the earlier arrival goes first;
 *   while it waits it holds no resource. So no two jobs can wait for each other.
 */
export interface Lanes {
  /** Runs the job in its turn. Rejects with what the job throws, or with `starting` when the lanes closed before its turn. */
  run<T>(key: string, job: (grip: Grip) => Promise<T>): Promise<T>
  /** True when something runs or waits. */
  busy(): boolean
  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void>
  /** No further job starts; resolves when those that run have ended. */
  close(): Promise<void>
}

export interface Grip {
  /** Holds these resources, and no others, until the job ends. True when it had to wait, and the world may have moved on. */
  hold(resources: readonly string[]): Promise<boolean>
}

interface Job {
  readonly ticket: number
  readonly key: string
  readonly start: () => void
  readonly refuse: (error: Error) => void
}

interface Wish {
  readonly ticket: number
  readonly resources: readonly string[]
  readonly grant: () => void
}

export function createLanes(maxParallel: number): Lanes {
  let waiting: Job[] = []
  let wishes: Wish[] = []
  const busyKeys = new Set<string>()
  const held = new Map<string, number>()
  let running = 0
  let arrivals = 0
  let closed = false
  const quiet: (() => void)[] = []

  function startWhatMay() {
    const passedOver = new Set<string>()
    const left: Job[] = []
    for (const job of waiting) {
      if (running >= maxParallel || busyKeys.has(job.key) || passedOver.has(job.key)) {
        passedOver.add(job.key)
        left.push(job)
        continue
      }
      busyKeys.add(job.key)
      running++
      job.start()
    }
    waiting = left
    if (running > 0 || waiting.length > 0) return
    for (const resolve of quiet.splice(0)) resolve()
  }

  function grantWhatMay() {
    const wanted = new Set<string>()
    const left: Wish[] = []
    for (const wish of wishes) {
      if (wish.resources.some((resource) => held.has(resource) || wanted.has(resource))) {
        for (const resource of wish.resources) wanted.add(resource)
        left.push(wish)
        continue
      }
      for (const resource of wish.resources) held.set(resource, wish.ticket)
      wish.grant()
    }
    wishes = left
  }

  function letGo(ticket: number) {
    for (const [resource, holder] of held) if (holder === ticket) held.delete(resource)
  }

  const gripOf = (ticket: number): Grip => ({
    async hold(resources) {
      if (resources.every((resource) => held.get(resource) === ticket)) return false
      letGo(ticket)
      let waited = true
      const granted = new Promise<void>((resolve) => {
        wishes.push({ ticket, resources: [...new Set(resources)], grant: resolve })
        wishes.sort((a, b) => a.ticket - b.ticket)
        grantWhatMay()
        waited = wishes.some((wish) => wish.ticket === ticket)
      })
      await granted
      return waited
    },
  })

  return {
    run<T>(key: string, job: (grip: Grip) => Promise<T>): Promise<T> {
      if (closed) return Promise.reject(stopping())
      const ticket = ++arrivals
      return new Promise<T>((resolve, reject) => {
        const start = () => {
          // In a later turn, so that nothing runs inside of whoever put it here.
          void Promise.resolve()
            .then(() => job(gripOf(ticket)))
            .then(resolve, reject)
            .finally(() => {
              letGo(ticket)
              busyKeys.delete(key)
              running--
              grantWhatMay()
              startWhatMay()
            })
        }
        waiting.push({ ticket, key, start, refuse: reject })
        startWhatMay()
      })
    },
    busy: () => running > 0 || waiting.length > 0,
    idle: () =>
      running === 0 && waiting.length === 0 ? Promise.resolve() : new Promise((resolve) => quiet.push(resolve)),
    close() {
      closed = true
      for (const job of waiting.splice(0)) job.refuse(stopping())
      return this.idle()
    },
  }
}

const stopping = () => new RecourseError('starting', 'the agent is stopping')
