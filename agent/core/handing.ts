import { RecourseError } from '../../protocol/errors.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { contentPieceBytes, type DeviceMessage, type ServerMessage } from '../../protocol/messages.ts'

/**
 * Sends files to the control plane that it has asked for, over the connection that is there (VLT7).
 *
 * INVARIANTS
 * - Nothing is remembered here: the control plane says how far it has come, after each connect and each start anew. So a cut anywhere
 *   costs at most a window.
 * - At most `windowBytes` are unconfirmed for one file: a slow control plane holds the reading, not the memory.
 * - Without a connection nobody waits: what was asked for stays open in the journal, and is taken up at the next connect.
 */
export interface Handing {
  /**
   * Resolves when the control plane holds all of it. RecourseError with its code when it does not want it; {@link NotNow} when there is
   * no connection, or it goes.
   */
  handOver(content: Content): Promise<void>
  /** A connection is there. */
  connected(send: Send): void
  answered(answer: Answer): void
  /** It is gone. */
  cut(): void
}

export interface Content {
  readonly actionId: ActionId
  readonly sizeBytes: number
  read(offset: number, length: number): Promise<Uint8Array>
}

export type Answer = Extract<ServerMessage, { type: 'content-taken' | 'content-refused' }>

/** False when the connection is gone. */
type Send = (message: Extract<DeviceMessage, { type: 'content' }>) => boolean

/** What an effect waits for is away: nothing has ended, and it is gone on with when that is back. */
export class NotNow extends Error {}

const windowBytes = 8 * contentPieceBytes
/** The vault opens its files in parts of this size. */
const blockBytes = 16 * contentPieceBytes

interface Turn {
  /** The last one that was not read yet; each says all that those before it did. */
  answer: Answer | null
  wake: () => void
}

export function createHanding(back: (waiting: readonly ActionId[]) => void): Handing {
  const turns = new Map<ActionId, Turn>()
  const waiting = new Set<ActionId>()
  let send: Send | null = null

  const next = async (turn: Turn, over: Send): Promise<Answer> => {
    while (turn.answer === null) {
      if (send !== over) throw new NotNow('the connection is gone')
      const { promise, resolve } = Promise.withResolvers<void>()
      turn.wake = resolve
      await promise
    }
    const { answer } = turn
    turn.answer = null
    return answer
  }

  const deliver = async (content: Content, turn: Turn, over: Send): Promise<void> => {
    const { actionId, sizeBytes } = content
    const say = (offset: number, bytes: Uint8Array<ArrayBuffer>) => {
      if (send !== over || !over({ type: 'content', actionId, sizeBytes, offset, bytes }))
        throw new NotNow('the connection is gone')
    }
    let block: { at: number; bytes: Uint8Array } = { at: 0, bytes: new Uint8Array(0) }
    const pieceAt = async (offset: number): Promise<Uint8Array<ArrayBuffer>> => {
      if (offset < block.at || offset >= block.at + block.bytes.length) {
        const at = offset - (offset % blockBytes)
        block = { at, bytes: await content.read(at, Math.min(blockBytes, sizeBytes - at)) }
      }
      return block.bytes.slice(offset - block.at, offset - block.at + contentPieceBytes)
    }
    say(0, new Uint8Array(0))
    let taken = 0
    let sent: number | null = null
    while (true) {
      const answer = await next(turn, over)
      if (answer.type === 'content-refused') throw new RecourseError(answer.code)
      if (answer.whole) return
      if (answer.upTo < taken || answer.upTo > (sent ?? sizeBytes))
        throw new RecourseError('message_malformed', 'The control plane says that it has what was never sent.')
      taken = answer.upTo
      sent ??= taken
      while (sent < sizeBytes && sent - taken < windowBytes) {
        const bytes = await pieceAt(sent)
        if (bytes.length === 0) throw new RecourseError('record_damaged', 'The file is shorter than its record says.')
        say(sent, bytes)
        sent += bytes.length
      }
    }
  }

  return {
    async handOver(content) {
      const { actionId } = content
      const turn: Turn = { answer: null, wake: () => {} }
      waiting.add(actionId)
      try {
        if (send === null) throw new NotNow('there is no connection')
        turns.set(actionId, turn)
        await deliver(content, turn, send)
        waiting.delete(actionId)
      } catch (failure) {
        if (!(failure instanceof NotNow)) waiting.delete(actionId)
        throw failure
      } finally {
        if (turns.get(actionId) === turn) turns.delete(actionId)
      }
    },
    connected(over) {
      send = over
      for (const turn of turns.values()) turn.wake()
      back([...waiting])
    },
    answered(answer) {
      const turn = turns.get(answer.actionId)
      if (turn === undefined) return
      turn.answer = answer
      turn.wake()
    },
    cut() {
      send = null
      for (const turn of turns.values()) turn.wake()
    },
  }
}
