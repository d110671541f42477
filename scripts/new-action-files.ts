/** The texts `new-action.ts` writes: an action that compiles and refuses, so that nothing can be done with it by accident. */

export const variableName = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

const words = (name: string): string => name.replaceAll('-', ' ')
const title = (name: string): string => `${name[0]?.toUpperCase() ?? ''}${words(name).slice(1)}`

const spec = (name: string): string => `import * as z from 'zod'
import { defineAction } from '../action-spec.ts'

const params = z.strictObject({
  target: z.string().min(1).max(255).describe('What it is done to'),
})

/** Everything needed to take the action back; written down before anything is touched (JRN1). */
const inverse = z.strictObject({
  v: z.literal(1),
  target: z.string().min(1).max(255),
})

export const ${variableName(name)} = defineAction({
  name: '${name}',
  title: '${title(name)}',
  description: 'What it does and what it costs, in one or two sentences.',
  risk: 'disruptive',
  technique: { tactic: 'Evict', id: 'D3-PLACEHOLDER', name: 'The D3FEND technique' },
  heldInForce: false,
  params,
  example: { target: 'something' },
  undo: {
    title: 'Undo: ${words(name)}',
    technique: { tactic: 'Restore', id: 'D3-RO', name: 'Restore Object' },
    inverse,
  },
  target: ({ target }) => ({ kind: 'device', key: \`${name}:\${target}\`, label: target }),
  summarise: ({ target }) => \`${words(name)} \${target}\`,
})
`

const linux = (name: string): string => `import { defineImpl } from '../../core/action.ts'

const detail = '${name} is not written for Linux yet'
const notReached = () => Promise.reject(new Error(\`\${detail}; prepare refuses, so nothing else is called\`))

export const linux = defineImpl('${name}', {
  // Only reads. Answers \`ready\` with the inverse record, the resources it needs and what it would hurt; or refuses with a code.
  prepare: () => Promise.resolve({ kind: 'refused', code: 'action_unsupported', detail }),
  // Every effect goes through the host; doing it twice is doing it once.
  apply: notReached,
  // Did it take? Evidence, not hope.
  verify: notReached,
  // Compares the world with what the action left behind.
  compare: notReached,
  // Takes it back from the record alone.
  revert: notReached,
  verifyReverted: notReached,
})
`

const windows = (name: string): string => `import { unsupported } from '../../core/action.ts'

export const windows = unsupported('${name} is not written for Windows yet')
`

const index = (name: string): string => `import { linux } from './linux.ts'
import { windows } from './windows.ts'

export const ${variableName(name)} = { linux, windows }
`

const test = (name: string): string => `import { expect, test } from 'vitest'
import { specOf } from '../../../protocol/actions/index.ts'

const spec = specOf('${name}')

test('${name} refuses parameters that its spec does not name', () => {
  expect(spec.params.safeParse({ target: 'something' }).success).toBe(true)
  expect(spec.params.safeParse({ target: 'something', path: '/etc/passwd' }).success).toBe(false)
})

test('${name} says in words what it will do', () => {
  expect(spec.summarise({ target: 'something' })).toBe('${words(name)} something')
})
`

/** The new files by their path from the project's root. */
export const filesOf = (name: string): Readonly<Record<string, string>> => ({
  [`protocol/actions/${name}.ts`]: spec(name),
  [`agent/actions/${name}/linux.ts`]: linux(name),
  [`agent/actions/${name}/windows.ts`]: windows(name),
  [`agent/actions/${name}/index.ts`]: index(name),
  [`agent/actions/${name}/${name}.test.ts`]: test(name),
})

/** A table's text with one more line after its last entry, and one more import after its last neighbour's when it needs one. */
export const withLine = (text: string, line: string, importLine?: string): string => {
  const lines = text.split('\n')
  const lastEntry = lines.findLastIndex((it) => /^ {2}'[a-z-]+': .*,$/.test(it))
  const lastImport = lines.findLastIndex((it) => /^import .* from '\.{1,2}\/.*'$/.test(it))
  if (lastEntry < 0 || lastImport < 0) {
    throw new Error('this table does not look like one: no entry, or no import, on a line of its own')
  }
  const longer = lines.toSpliced(lastEntry + 1, 0, line)
  return (importLine === undefined ? longer : longer.toSpliced(lastImport + 1, 0, importLine)).join('\n')
}
