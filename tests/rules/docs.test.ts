import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorCodes, errors } from '../../protocol/errors.ts'
import { read, root, sourceFiles } from './sources.ts'

/** The text of a document; one that is missing is a failure with a sentence, not a file system's error. */
const document = (file: string): string => {
  if (!existsSync(join(root, file))) throw new Error(`${file} is missing; the project promises it`)
  return read(file)
}

const withoutCode = (text: string): string => text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '')
const pages = (): string[] => ['README.md', ...globSync('docs/**/*.md', { cwd: root }).toSorted()]

/** Rules a test may quote: those of the specification, and the contract of actions, A1 to A8, of the architecture. */
const rulesStated = (): string[] => [
  ...[...document('docs/spec.md').matchAll(/^- ([A-Z]+\d+)\b/gm)].map((match) => match[1] ?? ''),
  ...new Set([...document('docs/architecture.md').matchAll(/\bA[1-8]\b/g)].map((match) => match[0])),
]

describe('rules', () => {
  test('each rule is stated once', () => {
    const stated = rulesStated()
    expect(stated.length).toBeGreaterThan(50)
    expect(stated.filter((rule, index) => stated.indexOf(rule) !== index)).toEqual([])
  })

  test('every rule that a test quotes is stated', () => {
    const quoted = sourceFiles()
      .filter((file) => file.endsWith('.test.ts') && !file.startsWith('tests/rules/'))
      .flatMap((file) =>
        [...read(file).matchAll(/['"`][^'"`\n]*?\[((?:[A-Z]+\d+)(?:[ ,]+[A-Z]+\d+)*)\]/g)].flatMap((match) =>
          (match[1] ?? '').split(/[ ,]+/).map((rule) => ({ file, rule })),
        ),
      )
    expect(quoted.length).toBeGreaterThan(10)
    const stated = new Set(rulesStated())
    expect(quoted.filter(({ rule }) => !stated.has(rule))).toEqual([])
  })
})

test('docs/errors.md has exactly the rows of protocol/errors.ts', () => {
  const rows = document('docs/errors.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.replace(/\s+/g, ' ').trim())
  const expected = errorCodes.map((code) => {
    const { meaning, retryable, http } = errors[code]
    return `| \`${code}\` | ${meaning} | ${retryable ? 'yes' : 'no'} | ${http ?? '–'} |`
  })
  expect(rows).toEqual(expected)
})

describe('links', () => {
  const links = () =>
    pages().flatMap((page) =>
      [...withoutCode(document(page)).matchAll(/\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !/^[a-z]+:/.test(target))
        .map((target) => ({ page, target })),
    )
  const anchorsOf = (file: string): string[] =>
    [...document(file).matchAll(/^#+\s+(.+)$/gm)].map((match) =>
      (match[1] ?? '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )

  test('there are some to check', () => {
    expect(links().length).toBeGreaterThan(0)
  })

  test('every link between documents leads somewhere', () => {
    const broken = links().filter(({ page, target }) => {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      if (!existsSync(join(root, file))) return true
      return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})

describe('commands', () => {
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts)
  const named = (page: string): string[] =>
    [...document(page).matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map((match) => match[1] ?? match[2] ?? '')

  test('the README begins with the two that do everything', () => {
    expect(named('README.md')).toEqual(expect.arrayContaining(['start', 'test']))
  })

  test('every npm script that a document names is there', () => {
    const missing = pages().flatMap((page) =>
      named(page).flatMap((script) => (scripts.includes(script) ? [] : [`${page}: ${script}`])),
    )
    expect(missing).toEqual([])
  })
})

test('the program of every npm script is there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const files = Object.values(scripts).flatMap((line) => line.split(' ').filter((word) => /\.(ts|mjs)$/.test(word)))
  expect(files.length).toBeGreaterThan(5)
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
})
