import { describe, expect, test } from 'vitest'
import { type ActionId, actionId } from '../../protocol/ids.ts'
import { contentPieceBytes, type DeviceMessage } from '../../protocol/messages.ts'
import { type Content, createHanding, type Handing, NotNow } from './handing.ts'

type Piece = Extract<DeviceMessage, { type: 'content' }>

const id = actionId.parse('01890a5d-ac96-774b-bcce-b302099a8057')
const bytes = Buffer.alloc(20 * contentPieceBytes + 17, 'evil')
const content: Content = {
  actionId: id,
  sizeBytes: bytes.length,
  read: async (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
}

/** A control plane that takes what comes in order, and answers when it is let. */
function plane(handing: Handing) {
  const got: Buffer[] = []
  const asked: Piece[] = []
  const size = () => got.reduce((sum, it) => sum + it.length, 0)
  const answer = () =>
    handing.answered({ type: 'content-taken', actionId: id, upTo: size(), whole: size() === bytes.length })
  return {
    got: () => Buffer.concat(got),
    asked,
    size,
    answer,
    connect(answersAtOnce: boolean, most = Number.POSITIVE_INFINITY) {
      handing.connected((piece) => {
        asked.push(piece)
        if (piece.bytes.length > 0 && piece.offset === size()) got.push(Buffer.from(piece.bytes))
        if (size() >= most) handing.cut()
        else if (answersAtOnce) queueMicrotask(answer)
        return true
      })
    },
  }
}

const turns = async () => {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
}

describe('[VLT7] a file on its way to the control plane', () => {
  test('arrives whole, in pieces of at most 64 KiB', async () => {
    const handing = createHanding(() => {})
    const there = plane(handing)
    there.connect(true)
    await handing.handOver(content)
    expect(there.got().equals(bytes)).toBe(true)
    expect(Math.max(...there.asked.map((it) => it.bytes.length))).toBe(contentPieceBytes)
  })

  test('goes on where the control plane has come to, after each cut of the connection', async () => {
    const back: ActionId[] = []
    const handing = createHanding((waiting) => back.push(...waiting))
    const there = plane(handing)
    for (let most = 3; most < 21; most += 3) {
      there.connect(true, most * contentPieceBytes)
      await expect(handing.handOver(content)).rejects.toBeInstanceOf(NotNow)
    }
    there.connect(true)
    expect(back.every((it) => it === id)).toBe(true)
    expect(back).not.toEqual([])
    await handing.handOver(content)
    expect(there.got().equals(bytes)).toBe(true)
    const sent = there.asked.reduce((sum, it) => sum + it.bytes.length, 0)
    expect(sent).toBeLessThan(bytes.length + 7 * 8 * contentPieceBytes)
  })

  test('without a connection nobody waits for one', async () => {
    await expect(createHanding(() => {}).handOver(content)).rejects.toBeInstanceOf(NotNow)
  })

  test('a control plane that does not answer holds it after a window', async () => {
    const handing = createHanding(() => {})
    const there = plane(handing)
    there.connect(false)
    const handed = handing.handOver(content)
    there.answer()
    await turns()
    expect(there.size()).toBe(8 * contentPieceBytes)
    handing.cut()
    await expect(handed).rejects.toBeInstanceOf(NotNow)
  })

  test('[TRU6] one that says no, or that it has what was never sent, ends it by a code', async () => {
    for (const [answer, code] of [
      [{ type: 'content-refused', actionId: id, code: 'content_mismatch' }, 'content_mismatch'],
      [{ type: 'content-taken', actionId: id, upTo: bytes.length + 1, whole: false }, 'message_malformed'],
    ] as const) {
      const handing = createHanding(() => {})
      handing.connected(() => {
        queueMicrotask(() => handing.answered(answer))
        return true
      })
      await expect(handing.handOver(content)).rejects.toMatchObject({ code })
    }
  })
})
