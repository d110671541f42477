import { basename, dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { importsIn, read, sourceFiles } from './sources.ts'

const LONGEST = 350
/** Files that may be longer, each with its reason. */
const longFiles: Readonly<Record<string, string>> = {}

const files = sourceFiles()
const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/
const emptyWords = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'types', 'misc', 'shared', 'lib', 'stuff'])
const emptyEndings = /(?:Manager|Helper|Helpers|Util|Utils)$/

/** The parts of a path without endings such as `.slow.test.ts`. */
const namesIn = (file: string): string[] => {
  const folders = dirname(file).split('/')
  return [...folders, basename(file).replace(/(\.(slow|device|browser))?(\.test(-d)?|\.config)?\.tsx?$/, '')]
}

const linesOf = (file: string): string[] => read(file).split('\n')
const allLines = (pattern: RegExp, of = files): string[] =>
  of.flatMap((file) =>
    linesOf(file).flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1} ${line.trim()}`] : [])),
  )

describe('conventions', () => {
  test('the check sees the project', () => {
    expect(files).toEqual(expect.arrayContaining(['protocol/errors.ts', 'tests/rules/conventions.test.ts']))
  })

  test('files and folders are named in kebab-case', () => {
    expect(files.filter((file) => !namesIn(file).every((name) => kebab.test(name)))).toEqual([])
  })

  test('no file or folder has a name that says nothing', () => {
    expect(files.filter((file) => namesIn(file).some((name) => emptyWords.has(name)))).toEqual([])
  })

  test('no exported name says only that it does something', () => {
    const exported = /^export (?:const|function|class|type|interface|abstract class) (\w+)/
    const named = files.flatMap((file) => linesOf(file).flatMap((line) => exported.exec(line)?.[1] ?? []))
    expect(named).toContain('sourceFiles')
    expect(named.filter((name) => emptyEndings.test(name) || /^(data|handle[A-Z]\w*)$/.test(name))).toEqual([])
  })

  test(`no file is longer than ${LONGEST} lines, but those with a reason`, () => {
    const long = files.filter((file) => linesOf(file).length - 1 > LONGEST)
    expect(long.toSorted()).toEqual(Object.keys(longFiles).toSorted())
    for (const reason of Object.values(longFiles)) expect(reason.length).toBeGreaterThan(20)
  })

  test('exports have names', () => {
    expect(allLines(/^export default\b/, files)).toEqual([])
  })

  test('a relative import names the file it means', () => {
    const vague = files.flatMap((file) =>
      importsIn(file, read(file))
        .filter((it) => it.kind === 'file' && !/\.(ts|tsx|json|mjs|js|css|svg)$/.test(it.written))
        .map((it) => `${file} imports ${it.written}`),
    )
    expect(vague).toEqual([])
  })

  test('no test is focused, skipped or empty', () => {
    const tests = files.filter((file) => file.endsWith('.test.ts'))
    expect(tests.length).toBeGreaterThan(2)
    expect(allLines(/\b(?:test|it|describe|suite)\.(?:only|skip|todo|fixme)\b/, tests)).toEqual([])
  })

  test('nothing is left for later, and no type is given up', () => {
    const others = files.filter((file) => file !== 'tests/rules/conventions.test.ts')
    expect(allLines(/\b(?:TODO|FIXME|XXX)\b/, others)).toEqual([])
    expect(allLines(/\bas unknown as\b|@ts-ignore|@ts-nocheck/, others)).toEqual([])
  })
})
