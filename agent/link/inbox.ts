import { decode } from '../../protocol/codec.ts'
import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import { type DeviceMessage, type ServerMessage, serverMessage } from '../../protocol/messages.ts'
import type { Core } from '../core/core.ts'
import type { Log } from '../core/log.ts'

/*
 * INVARIANTS
 * - Orders and cancels reach the core one after the other, in the order in which they came (LIFE6).
 * - A frame that cannot be read is answered and forgotten; the server is no more believed than anyone else until the core has checked a signature (TRU6).
 */

export interface InboxDeps {
  readonly core: Core
  readonly log: Log
  send(message: DeviceMessage): void
  /** Too much lies unread in memory, or no longer. */
  hold(held: boolean): void
  welcome(message: Extract<ServerMessage, { type: 'welcome' }>): void
  stored(sequence: number): void
  certificate(pem: string): void
}

export interface Inbox {
  take(frame: Buffer): void
  stop(): void
}

const waitingMost = 256
const previewsMost = 8
const unreadableMost = 100
const knownTypes: ReadonlySet<string> = new Set(serverMessage.options.map(({ shape }) => shape.type.value))

/** What the server says on one connection, brought to where it belongs. */
export function openInbox(deps: InboxDeps): Inbox {
  const { core, log, send } = deps
  let line: Promise<void> = Promise.resolve()
  let waiting = 0
  let previews = 0
  let unreadable = 0
  let welcomed = false
  let stopped = false

  const inTurn = (about: string, work: () => Promise<void>): void => {
    if (++waiting === waitingMost) deps.hold(true)
    line = line.then(async () => {
      try {
        // What came on a connection that has ended still counts: the server may believe it delivered.
        await work()
      } catch (failure) {
        log.error({ err: failure, about }, 'a message of the control plane could not be carried out')
        trouble('internal', about)
      }
      if (--waiting === waitingMost - 1 && !stopped) deps.hold(false)
    })
  }
  const trouble = (code: ErrorCode, about: string): void => {
    if (!stopped) send({ type: 'trouble', code, about: about.slice(0, 64) })
  }
  const cannotRead = (code: ErrorCode, about: string): void => {
    log.warn({ code, about }, 'a frame of the control plane cannot be read')
    if (++unreadable <= unreadableMost) trouble(code, about)
  }

  const preview = async ({ request, ask }: Extract<ServerMessage, { type: 'preview' }>): Promise<void> => {
    if (previews >= previewsMost) return trouble('flooded', 'preview')
    previews++
    try {
      const answer = await core.preview(ask)
      if (!stopped) send({ type: 'preview', request, preview: answer })
    } catch (failure) {
      log.error({ err: failure }, 'a preview failed')
      trouble('internal', 'preview')
    } finally {
      previews--
    }
  }

  const carryOut = (message: ServerMessage): void => {
    switch (message.type) {
      case 'welcome':
        welcomed = true
        return deps.welcome(message)
      case 'order':
        return inTurn('order', () => core.order(message.order))
      case 'cancel':
        return inTurn('cancel', () => core.cancel(message.actionId))
      case 'preview':
        void preview(message)
        return
      case 'stored':
        return deps.stored(message.sequence)
      case 'content-taken':
      case 'content-refused':
        return core.handing.answered(message)
      case 'certificate':
        return deps.certificate(message.pem)
      case 'key':
        // In turn with the orders, which may be signed with it.
        return inTurn('key', async () => {
          if (!core.trustKey(message.statement)) trouble('order_key_unknown', 'key')
        })
      case 'break-glass':
        return inTurn('break-glass', async () => {
          if (!core.grant(message.grant)) trouble('order_signature_invalid', 'break-glass')
        })
      case 'trouble':
        return log.warn({ code: message.code, about: message.about }, 'the control plane could not use a message')
    }
  }

  return {
    take(frame) {
      if (stopped) return
      let value: unknown
      try {
        value = decode(frame)
      } catch (failure) {
        return cannotRead(failure instanceof RecourseError ? failure.code : 'frame_malformed', '')
      }
      const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null
      if (typeof type !== 'string') return cannotRead('message_malformed', '')
      if (!knownTypes.has(type)) return cannotRead('message_unknown', type)
      const read = serverMessage.safeParse(value)
      if (!read.success || (read.data.type === 'welcome') === welcomed) return cannotRead('message_malformed', type)
      carryOut(read.data)
    },
    stop() {
      stopped = true
    },
  }
}
