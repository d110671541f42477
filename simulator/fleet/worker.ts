import { openLocalShard } from './local-shard.ts'
import type { Ask, Told } from './remote-shard.ts'
import type { Shard } from './shard.ts'

// A process of the fleet: does what its parent asks for, and ends with it.

let shard: Shard | null = null

// A parent that is gone hears nothing; the end of the channel is told below.
const say = (told: Told) => void process.send?.(told, undefined, undefined, () => undefined)

async function answer({ call, options }: Ask): Promise<unknown> {
  if (call.name === 'open') {
    if (options === undefined) throw new Error('no options')
    shard = await openLocalShard(options)
    return null
  }
  if (shard === null) throw new Error('nothing is open')
  switch (call.name) {
    case 'grow':
      return shard.grow(call.plan)
    case 'perform':
      return shard.perform(call.command)
    case 'members':
      return shard.members()
    case 'truths':
      return shard.truths(call.how)
    case 'counts':
      return shard.counts()
    case 'arrivals':
      return shard.arrivals()
    case 'stop':
      return shard.stop()
  }
}

process.on('message', (ask: Ask) => {
  answer(ask).then(
    (result) => say({ id: ask.id, result }),
    (failure: unknown) =>
      say({ id: ask.id, failure: failure instanceof Error ? (failure.stack ?? '') : String(failure) }),
  )
})
process.on('disconnect', () => {
  void Promise.resolve(shard?.stop()).finally(() => process.exit(0))
})
// The parent decides when it is over; a Ctrl-C goes to the whole group.
process.on('SIGINT', () => undefined)
