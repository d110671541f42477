import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signerFrom } from '../keys/signer.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { entriesPerCheckpoint, newAudit, signLastEntry } from './chain.ts'
import { exportCsv, exportLines } from './export.ts'
import { verifyExport } from './verify.ts'

const seed = (text: string) => createHash('sha256').update(text).digest()
const signer = signerFrom(seed('audit'))
const folder = mkdtempSync(join(tmpdir(), 'recourse-audit-'))
let store: Store
const audit = newAudit(signer, () => 1_700_000_000_000)

const record = (kind: string, body: { [key: string]: string | number }) =>
  store.write((transaction) => audit.append(transaction, { actor: 'server', kind, body }))
const anchor = () => store.write((transaction) => signLastEntry(transaction, signer, 1_700_000_000_500))

const exported = async () => {
  const lines: string[] = []
  for await (const line of exportLines(store.read, signer)) lines.push(line)
  return lines
}
const verify = (lines: readonly string[], key = signer.publicKey) => verifyExport([Buffer.from(lines.join(''))], key)

beforeAll(async () => {
  store = await openSqlite({ folder })
  await record('server.started', { note: 'first' })
  await record('action.approved', { z: 1, a: 'ā "quoted"\n', path: '/tmp/\u2028x' })
  await anchor()
  await record('action.sent', { n: 2 })
  await record('action.ended', { n: 3 })
  await anchor()
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('[AUD1] an exported chain', () => {
  test('holds, with its counts', async () => {
    expect(await verify(await exported())).toMatchObject({
      ok: true,
      entries: 4,
      checkpoints: 2,
      unanchored: 0,
      firstFault: null,
      anchor: { sequence: 4 },
    })
  })

  test('holds however it is cut into chunks', async () => {
    const bytes = Buffer.from((await exported()).join(''))
    const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte))
    expect(await verifyExport(chunks, signer.publicKey)).toMatchObject({ ok: true, entries: 4 })
  })

  test('does not hold for another key', async () => {
    const other = signerFrom(seed('other'))
    expect(await verify(await exported(), other.publicKey)).toMatchObject({ ok: false, firstFault: { line: 1 } })
  })

  test('any flipped byte is found, and nothing before it is blamed', async () => {
    const lines = await exported()
    const bytes = Buffer.from(lines.join(''))
    const ends: number[] = []
    for (const line of lines) ends.push((ends.at(-1) ?? 0) + Buffer.byteLength(line))
    const missed: string[] = []
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [0x01, 0x20, 0x80]) {
        const changed = Uint8Array.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ mask
        const { ok, firstFault } = await verifyExport([changed], signer.publicKey)
        const line = ends.findIndex((end) => at < end) + 1
        if (ok || firstFault === null || firstFault.line < line) missed.push(`byte ${at} ^ ${mask}`)
      }
    }
    expect(missed).toEqual([])
  })

  test('any dropped, doubled or swapped line is found', async () => {
    const lines = await exported()
    const verdicts: [string, Promise<{ ok: boolean }>][] = []
    for (const [at, line] of lines.entries()) {
      verdicts.push([`without ${at}`, verify(lines.filter((_, it) => it !== at))])
      verdicts.push([`${at} twice`, verify([...lines.slice(0, at), line, ...lines.slice(at)])])
      const next = lines[at + 1]
      if (next === undefined) continue
      verdicts.push([`${at} after its follower`, verify([...lines.slice(0, at), next, line, ...lines.slice(at + 2)])])
    }
    for (const [what, verdict] of verdicts) expect([what, (await verdict).ok]).toEqual([what, false])
  })

  test('a file cut off anywhere is found, and says how much of it no signature covers', async () => {
    const text = (await exported()).join('')
    for (let length = 0; length < text.length; length++) {
      const verdict = await verifyExport([Buffer.from(text.slice(0, length))], signer.publicKey)
      expect([length, verdict.ok]).toEqual([length, false])
    }
    const lines = await exported()
    const tail = await verify(lines.slice(0, -2))
    expect(tail).toMatchObject({ ok: false, entries: 4, unanchored: 2, anchor: { sequence: 2 } })
  })

  test('entries that nobody has signed yet are reported as an unanchored tail', async () => {
    const more = signerFrom(seed('audit'))
    await store.write((transaction) =>
      newAudit(more, () => 5).append(transaction, { actor: 'server', kind: 'late', body: {} }),
    )
    expect(await verify(await exported())).toMatchObject({
      ok: true,
      entries: 5,
      unanchored: 1,
      anchor: { sequence: 4 },
    })
    await anchor()
    expect(await verify(await exported())).toMatchObject({ ok: true, entries: 5, unanchored: 0 })
    expect(await anchor()).toBe(false)
  })

  test('a change inside the database is found in the next export', async () => {
    await record('to be forged', { amount: 1 })
    await record('after', {})
    await store.write((transaction) =>
      transaction.updateTable('audit').set({ body: '{"amount":2}' }).where('kind', '=', 'to be forged').execute(),
    )
    const verdict = await verify(await exported())
    expect(verdict).toMatchObject({ ok: false, entries: 5 })
    await store.write((transaction) =>
      transaction.updateTable('audit').set({ body: '{"amount":1}' }).where('kind', '=', 'to be forged').execute(),
    )
    expect(await verify(await exported())).toMatchObject({ ok: true })
  })

  test('every thousandth entry is signed with it, without waiting for the clock', async () => {
    const before = await store.read.selectFrom('audit').select('sequence').execute()
    await store.write(async (transaction) => {
      for (let at = before.length; at < entriesPerCheckpoint; at++) {
        await audit.append(transaction, { actor: 'server', kind: 'filler', body: {} })
      }
    })
    expect(await verify(await exported())).toMatchObject({
      ok: true,
      entries: entriesPerCheckpoint,
      unanchored: 0,
    })
  })

  test('an entry of a write that is taken back never was', async () => {
    await expect(
      store.write(async (transaction) => {
        await audit.append(transaction, { actor: 'server', kind: 'never', body: {} })
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await verify(await exported())).toMatchObject({ ok: true, entries: entriesPerCheckpoint })
  })

  test('a cell of the CSV is never a formula', async () => {
    await store.write((transaction) => audit.append(transaction, { actor: '=cmd()', kind: '@x', body: { a: 'x,"y"' } }))
    let last = ''
    for await (const line of exportCsv(store.read)) last = line
    expect(last).toMatch(/^1001,2023-11-14T22:13:20\.000Z,'=cmd\(\),'@x,"\{""a"":""x,\\""y\\""""\}",[0-9a-f]{64}\r\n$/)
  })
})
