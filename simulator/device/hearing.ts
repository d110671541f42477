import type { Core } from '../../agent/core/core.ts'
import { decode } from '../../protocol/codec.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Life } from './life.ts'
import type { Profile } from './profile.ts'

/** When an order became durable on a device: milliseconds since 1970 with their fractions. */
export interface Arrival {
  readonly id: ActionId
  readonly at: number
}

const mostLateMs = 400

/**
 * The core as the link sees it: when an order became durable is noted, now and then it is delivered twice, or after those behind it,
 * and the dead say nothing.
 */
export function hearing(
  { core, isDead }: Life,
  { profile, arrived }: { readonly profile: Profile; arrived(arrival: Arrival): void },
  draw: () => number,
  isGone: () => boolean,
): Core {
  const unlessDead = (work: () => void) => {
    try {
      work()
    } catch (failure) {
      if (!isDead()) throw failure
    }
  }
  const hear = async (order: Order) => {
    await core.order(order)
    const id = idOf(order)
    if (id !== null) arrived({ id, at: performance.timeOrigin + performance.now() })
    if (profile.doubled > 0 && draw() < profile.doubled) await core.order(order)
  }
  return {
    ...core,
    async order(order) {
      if (profile.reordered > 0 && draw() < profile.reordered) {
        // Its turn is over before it is taken in; whoever dies until then is sent it again.
        const late = () => {
          if (!isGone()) hear(order).catch(() => undefined)
        }
        setTimeout(late, draw() * mostLateMs)
      } else await hear(order)
    },
    restate: () => unlessDead(() => core.restate()),
    outbox: { ...core.outbox, stored: (sequence) => unlessDead(() => core.outbox.stored(sequence)) },
    handing: { ...core.handing, connected: (send) => unlessDead(() => core.handing.connected(send)) },
  }
}

function idOf({ leaf }: Order): ActionId | null {
  const read = decode(leaf)
  if (typeof read !== 'object' || read === null || !('actionId' in read)) return null
  return typeof read.actionId === 'string' ? (read.actionId as ActionId) : null
}
