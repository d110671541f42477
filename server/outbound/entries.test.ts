import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { startTestServer } from '../test-app.ts'
import { statusOf } from './entries.ts'

const server = join(import.meta.dirname, '..')

/** Every text of the form 'action.something' in what writes the chain. */
const words = () =>
  globSync('**/*.ts', { cwd: server })
    .filter((file) => !file.includes('.test.') && !/^(cli|dashboard)\//.test(file) && file !== 'outbound/entries.ts')
    .flatMap((file) =>
      [...readFileSync(join(server, file), 'utf8').matchAll(/(['`])(action\.[a-z][a-z-]*)\1/g)].map(
        (it) => it[2] ?? '',
      ),
    )

test('each kind of entry about actions that the server writes has its line, and no line is for a kind that is gone', async () => {
  await using opened = await openStore()
  const { rows } = await sql<{ name: string }>`select name from pragma_table_info('action')`.execute(opened.read)
  // The same form names columns of the table, and the one event about actions.
  const others = new Set(['action.changed', ...rows.map(({ name }) => `action.${name}`)])
  const kinds = new Set(words().filter((it) => !others.has(it)))
  expect(kinds.size).toBeGreaterThan(10)
  const written = new Set([...kinds, ...ofOutcomes])
  expect([...written].toSorted()).toEqual(Object.keys(statusOf).toSorted())
})

/** Written as `action.${outcome.status}`; that all of them have a line is proved by the types. */
const ofOutcomes = ['succeeded', 'failed', 'refused', 'conflict', 'expired', 'cancelled'].map((it) => `action.${it}`)

async function openStore() {
  const { store, close } = await startTestServer()
  return { read: store.read, [Symbol.asyncDispose]: close }
}
