import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { bundleAgent } from './bundle.ts'

// Inside the project, so that the entry finds the packages; the bundle is then taken to a place where there are none.
const inside = mkdtempSync(join(import.meta.dirname, '../node_modules/.bundle-test-'))
const outside = mkdtempSync(join(tmpdir(), 'recourse-bundle-'))
afterAll(() => {
  for (const folder of [inside, outside]) rmSync(folder, { recursive: true, force: true })
})

/** Uses each package an agent is made of, in the way an agent uses it. */
const entry = `
import { DatabaseSync } from 'node:sqlite'
import koffi from 'koffi'
import { Packr } from 'msgpackr'
import pino from 'pino'
import WebSocket, { WebSocketServer } from 'ws'
import * as z from 'zod'

const getpid = koffi.load(null).func('int getpid()')
const packr = new Packr()
const db = new DatabaseSync(':memory:')
db.exec('create table t (x integer) strict')
db.prepare('insert into t values (?)').run(7)

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, () => {
  const client = new WebSocket('ws://127.0.0.1:' + server.address().port)
  client.on('message', (frame) => {
    const result = z.strictObject({ pid: z.int(), row: z.looseObject({ x: z.literal(7) }) }).parse(packr.unpack(frame))
    pino().info({ ok: result.pid === process.pid }, 'bundled')
    client.close()
    server.close()
  })
})
server.on('connection', (socket) => socket.send(packr.pack({ pid: getpid(), row: { ...db.prepare('select x from t').get() } })))
`

test('a bundled agent runs where no package is installed: native calls, sqlite, frames, schemas, logs', async () => {
  const source = join(inside, 'entry.ts')
  writeFileSync(source, entry)
  await bundleAgent({ entry: source, outputFolder: join(inside, 'dist') })
  const names = readdirSync(join(inside, 'dist')).toSorted()
  expect(names).toEqual([`koffi-${process.platform}-${process.arch}.node`, 'recourse-agent.cjs'])
  for (const name of names) copyFileSync(join(inside, 'dist', name), join(outside, name))
  const printed = execFileSync(process.execPath, [join(outside, 'recourse-agent.cjs')], {
    cwd: outside,
    encoding: 'utf8',
  })
  expect(JSON.parse(printed)).toMatchObject({ ok: true, msg: 'bundled' })
})

test('a bundle that would miss a module on the device is not made', async () => {
  const source = join(inside, 'broken.ts')
  writeFileSync(source, `import 'no-such-package'\n`)
  await expect(bundleAgent({ entry: source, outputFolder: join(inside, 'dist') })).rejects.toThrow('no-such-package')
})
