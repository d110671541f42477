import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newAudit, signLastEntry } from '../../server/audit/chain.ts'
import { exportLines } from '../../server/audit/export.ts'
import { verifyChain } from '../../server/dashboard/features/audit/verify-chain.ts'
import { signerFrom } from '../../server/keys/signer.ts'
import { openSqlite } from '../../server/store/sqlite.ts'

const signer = signerFrom(new Uint8Array(32).fill(7))
const publicKey = Buffer.from(signer.publicKey).toString('hex')
const folder = mkdtempSync(join(tmpdir(), 'recourse-chain-'))
let lines: readonly string[] = []

async function* each(of: readonly string[]) {
  for (const line of of) yield line.replace(/\n$/, '')
}
const verify = (of: readonly string[], key = publicKey) => verifyChain(each(of), key, () => undefined)

beforeAll(async () => {
  const store = await openSqlite({ folder })
  const audit = newAudit(signer, () => 1_700_000_000_000)
  const record = (kind: string, body: { [key: string]: string }) =>
    store.write((transaction) => audit.append(transaction, { actor: 'server', kind, body }))
  await record('server.started', { note: 'first' })
  await record('action.approved', { z: '1', a: 'ā "quoted"\n', path: '/tmp/\u2028x' })
  await store.write((transaction) => signLastEntry(transaction, signer, 5))
  await record('action.sent', { n: '2' })
  const read: string[] = []
  for await (const line of exportLines(store.read, signer)) read.push(line)
  lines = read
  await store.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('[AUD1] the check in the browser, written apart from the server’s', () => {
  test('agrees with what the server wrote, and counts what is not signed yet', async () => {
    expect(await verify(lines)).toMatchObject({ ok: true, entries: 3, checkpoints: 1, unsigned: 1, fault: null })
  })

  test('finds any character that was changed', async () => {
    const missed: string[] = []
    for (const [number, line] of lines.entries()) {
      for (let at = 0; at < line.length - 1; at++) {
        const other = line[at] === 'a' ? 'b' : 'a'
        const changed = lines.with(number, line.slice(0, at) + other + line.slice(at + 1))
        if ((await verify(changed)).ok)
          missed.push(`line ${number + 1}, character ${at + 1}: ${line.slice(at, at + 12)}`)
      }
    }
    expect(missed).toEqual([])
  })

  test('finds a line that is missing, doubled or cut off, and another key', async () => {
    for (const [at] of lines.entries()) expect((await verify(lines.filter((_, it) => it !== at))).ok).toBe(false)
    expect((await verify([...lines.slice(0, 2), ...lines.slice(1)])).ok).toBe(false)
    expect((await verify(lines.slice(0, -1))).fault?.what).toContain('cut off')
    const other = Buffer.from(signerFrom(new Uint8Array(32).fill(8)).publicKey).toString('hex')
    expect((await verify(lines, other)).ok).toBe(false)
  })
})
