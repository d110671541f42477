import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { encode } from '../../protocol/codec.ts'
import type { Order, Signed } from '../../protocol/mandate.ts'
import type { ServerMessage } from '../../protocol/messages.ts'
import type { GatewayLimits } from './settings.ts'

/*
 * INVARIANTS
 * - Since when a device leaves more unread than it may is known for as long as it does: each frame that may be too much is followed until it has left.
 * - Whoever waits for room hears when there is some, or that the connection is gone.
 */

/** Most that a frame has before what it carries. */
const headerBytes = 10

/** Encoded once for all. */
const keyFrames = new WeakMap<Signed, Uint8Array>()

/** What is said to one device. */
export class Outgoing {
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #limits: Pick<GatewayLimits, 'sendBufferBytes' | 'slowAfterMs'>
  readonly #monotonicMs: () => number
  /** Since when more than the device may leave unread has been lying there; null when it reads. */
  #slowSince: number | null = null
  #forRoom: ((there: boolean) => void)[] | null = null

  constructor(
    socket: WebSocket,
    stream: Duplex,
    deps: { readonly limits: Pick<GatewayLimits, 'sendBufferBytes' | 'slowAfterMs'>; monotonicMs(): number },
  ) {
    this.#socket = socket
    this.#stream = stream
    this.#limits = deps.limits
    this.#monotonicMs = deps.monotonicMs
  }

  /** Whether it has not been reading for longer than it may. */
  isSlow(now: number): boolean {
    return this.#slowSince !== null && now - this.#slowSince >= this.#limits.slowAfterMs
  }

  /** False when the connection is not there (any more). */
  send(message: ServerMessage): boolean {
    return this.#put(encode(message))
  }

  /** Sends a statement about a key, which everybody is sent. */
  key(statement: Signed): boolean {
    const frame = keyFrames.get(statement) ?? encode({ type: 'key', statement })
    keyFrames.set(statement, frame)
    return this.#put(frame)
  }

  #put(frame: Uint8Array): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    // To ask after each frame costs more than to make it.
    const asked = this.#socket.bufferedAmount + headerBytes + frame.length > this.#limits.sendBufferBytes
    this.#socket.send(frame, asked ? (failure) => this.#left(failure) : undefined)
    if (this.#isFull()) this.#slowSince ??= this.#monotonicMs()
    return true
  }

  /** Answers when the device has room for more, mostly at once; false when the connection is gone. */
  order(order: Order): boolean | Promise<boolean> {
    if (!this.send({ type: 'order', order })) return false
    if (!this.#isFull()) return true
    return new Promise((resolve) => {
      this.#forRoom ??= []
      this.#forRoom.push(resolve)
    })
  }

  /** What is said in this turn of the event loop leaves in one piece: a storm of connections is made of calls to the system. */
  together(): void {
    this.#stream.cork()
    setImmediate(uncork, this.#stream)
  }

  #isFull(): boolean {
    return this.#socket.bufferedAmount > this.#limits.sendBufferBytes
  }

  /** A frame that was too much has left, or never will. */
  #left(failure?: Error | null): void {
    const there = failure === undefined || failure === null
    if (there && this.#isFull()) return
    this.#slowSince = null
    const waiting = this.#forRoom ?? []
    this.#forRoom = null
    for (const resolve of waiting) resolve(there)
  }
}

const uncork = (stream: Duplex): void => stream.uncork()
