import { describe, expect, test } from 'vitest'
import type { AlertIn } from '../alerts/alert.ts'
import { fromEcs } from '../alerts/formats/ecs.ts'
import { type Answer, importAlerts, type Line, linesOf } from './alert-import.ts'

async function* stream(text: string | Uint8Array, chunk = 7): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  for (let from = 0; from < bytes.length; from += chunk) yield bytes.subarray(from, from + chunk)
}
const all = async (lines: AsyncIterable<Line>): Promise<Line[]> => {
  const found: Line[] = []
  for await (const line of lines) found.push(line)
  return found
}
const record = (id: string, rest: object = {}) =>
  JSON.stringify({
    '@timestamp': '2026-11-20T10:00:00Z',
    event: { id, kind: 'alert' },
    host: { name: 'web-01' },
    rule: { name: 'Dropper' },
    ...rest,
  })

/** A control plane that keeps what it got, once for each key, and may stop answering. */
function controlPlane(breaksAfter = Number.POSITIVE_INFINITY) {
  const kept = new Map<string, AlertIn>()
  let calls = 0
  const send = async (alerts: readonly AlertIn[]): Promise<Answer[]> => {
    if (++calls > breaksAfter) throw new Error('gone')
    return alerts.map((alert) => {
      const alreadyKnown = kept.has(alert.key)
      if (!alreadyKnown) kept.set(alert.key, alert)
      return { ok: true, alreadyKnown }
    })
  }
  return { kept, send, calls: () => calls }
}
const bring = (text: string, send: (alerts: readonly AlertIn[]) => Promise<Answer[]>) =>
  importAlerts(linesOf(stream(text, 4_096), 10_000), fromEcs, send)

describe('lines of a file', () => {
  test('[POL5] are the same however the bytes come', async () => {
    const text = 'first\r\nzweite ä€\u{1f600}\n\nlast'
    for (let chunk = 1; chunk < 12; chunk++) {
      expect(await all(linesOf(stream(text, chunk), 100))).toEqual([
        { number: 1, text: 'first', whole: true },
        { number: 2, text: 'zweite ä€\u{1f600}', whole: true },
        { number: 3, text: '', whole: true },
        { number: 4, text: 'last', whole: false },
      ])
    }
  })

  test('[TRU6] one that is too long is passed over and named, and the next is read', async () => {
    expect(await all(linesOf(stream(`${'x'.repeat(5_000)}\nnext\n`), 100))).toEqual([
      { number: 1, tooLong: true },
      { number: 2, text: 'next', whole: true },
    ])
    expect(await all(linesOf(stream(''), 100))).toEqual([])
  })
})

describe('importing alerts', () => {
  test('[POL5] brings in each line, in order and a few hundred at a time', async () => {
    const { kept, send, calls } = controlPlane()
    const text = `${Array.from({ length: 450 }, (_, at) => record(`k${at}`)).join('\n')}\n`
    expect(await bring(text, send)).toEqual({ lines: 450, fresh: 450, alreadyKnown: 0, problems: [], problemCount: 0 })
    expect([...kept.keys()]).toEqual(Array.from({ length: 450 }, (_, at) => `k${at}`))
    expect(calls()).toBe(3)
  })

  test('[POL5] a half-written last line is named, everything before it is in, and a second run takes it up', async () => {
    const { kept, send } = controlPlane()
    const whole = `${record('a')}\n${record('b')}\n`
    const last = record('c')
    const first = await bring(whole + last.slice(0, -9), send)
    expect(first).toMatchObject({ fresh: 2, problemCount: 1 })
    expect(first.problems).toEqual([
      { line: 3, why: 'cut off at the end of the file; run the import again when it is whole' },
    ])
    expect(await bring(`${whole}${last}\n`, send)).toMatchObject({ fresh: 1, alreadyKnown: 2, problemCount: 0 })
    expect([...kept.keys()]).toEqual(['a', 'b', 'c'])
  })

  test('[POL5] a whole last line without a line end is an alert like the others', async () => {
    const { kept, send } = controlPlane()
    await bring(record('only'), send)
    expect([...kept.keys()]).toEqual(['only'])
  })

  test('[POL5] bad lines are named by their number and hurt no other', async () => {
    const { kept, send } = controlPlane()
    const lines = [record('a'), '{', '[]', '', record('b', { host: {} }), record('c')]
    const summary = await bring(`${lines.join('\n')}\n`, send)
    expect([...kept.keys()]).toEqual(['a', 'c'])
    expect(summary.problems.map(({ line }) => line)).toEqual([2, 3, 5])
    expect(summary.problems[0]).toEqual({ line: 2, why: 'no JSON' })
  })

  test('[POL5] one that breaks off in the middle is gone on with by running it again: nothing lost, nothing twice', async () => {
    const text = Array.from({ length: 1_000 }, (_, at) => record(`k${at}`)).join('\n')
    const broken = controlPlane(2)
    await expect(bring(text, broken.send)).rejects.toThrow('gone')
    expect(broken.kept.size).toBe(400)
    const again = controlPlane()
    for (const [key, alert] of broken.kept) again.kept.set(key, alert)
    expect(await bring(text, again.send)).toMatchObject({ fresh: 600, alreadyKnown: 400 })
  })

  test('[TRU6] large alerts are sent in smaller numbers', async () => {
    const { send, calls } = controlPlane()
    const rest = { process: { pid: 1, command_line: 'x'.repeat(8_000) } }
    await bring(Array.from({ length: 100 }, (_, at) => record(`k${at}`, rest)).join('\n'), send)
    expect(calls()).toBeGreaterThan(1)
  })
})
