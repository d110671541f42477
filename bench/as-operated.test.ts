import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { asOperated } from './as-operated.ts'

test('the control plane is measured as the unit in docs/operating.md starts it', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/operating.md'), 'utf8')
  const variables = Object.entries(asOperated.env).map(([name, value]) => `${name}=${value}`)
  expect(page).toContain(`\nEnvironment=${variables.join(' ')}\n`)
  expect(page).toContain(`\nExecStart=/usr/bin/node ${asOperated.flags.join(' ')} /opt/recourse/server/main.ts `)
})
