import { describe, expect, test } from 'vitest'
import { type Import, importsIn, isTest, type Path, reach, read, rooms, sourceFiles } from './sources.ts'

type Rule = {
  readonly reason: string
  /** Files the rule binds. */
  readonly of: (file: string) => boolean
  /** What they must not lean on, directly or through others: a file, a package name or `node:…`. */
  readonly never: (target: string) => boolean
}

const inFolder =
  (...folders: string[]) =>
  (path: string): boolean =>
    folders.some((folder) => path.startsWith(`${folder}/`))
const roomsBut = (...allowed: string[]): string[] => rooms.filter((room) => !allowed.includes(room))
const isFile = (target: string): boolean => /\.(ts|tsx|json|mjs|js)$/.test(target)
const protocolPackages = new Set(['zod', 'msgpackr', 'uuid'])

const rules: Readonly<Record<string, Rule>> = {
  'protocol is pure': {
    reason: 'the same code runs in a browser, an agent and a server, and gives each the same answer',
    of: inFolder('protocol'),
    never: (target) => (isFile(target) ? !inFolder('protocol')(target) : !protocolPackages.has(target)),
  },
  'agent leans only on protocol': {
    reason: 'an agent is shipped alone, and must not carry code of the server that it distrusts',
    of: inFolder('agent'),
    never: inFolder(...roomsBut('agent', 'protocol')),
  },
  'server leans only on protocol': {
    reason: 'a server that shared code with the agent could not treat its words as hostile',
    of: inFolder('server'),
    never: inFolder(...roomsBut('server', 'protocol')),
  },
  'simulator does not lean on the server': {
    reason: 'it plays the devices; what it proves of the server it proves over the wire',
    of: inFolder('simulator'),
    never: inFolder('server'),
  },
  'the core knows no action and no operating system': {
    reason: 'what is proven of gate, journal and undo must hold for every action and machine that is added later',
    of: inFolder('agent/core'),
    never: inFolder('agent/actions', 'agent/host/linux', 'agent/host/windows', 'agent/host/model'),
  },
  'nobody leans on scripts or measurements': {
    reason: 'they are not shipped',
    of: inFolder(...rooms),
    never: inFolder('scripts', 'bench'),
  },
  'what runs leans on no test': {
    reason: 'a test file pulls the test runner into the program',
    of: inFolder(...rooms),
    never: (target) => isTest(target) || target === 'vitest',
  },
}

const breaches = (graph: ReadonlyMap<string, readonly Import[]>, rule: Rule): readonly string[] =>
  [...graph.keys()].filter(rule.of).flatMap((file) => {
    const ways: Path[] = [...reach(graph, file)].filter(([target]) => rule.never(target)).map(([, way]) => way)
    return ways.map((way) => way.join(' → '))
  })

const graphOf = (files: Readonly<Record<string, string>>): ReadonlyMap<string, readonly Import[]> =>
  new Map(Object.entries(files).map(([file, text]) => [file, importsIn(file, text)]))

const shipped = sourceFiles().filter((file) => inFolder(...rooms)(file) && !isTest(file))
const graph = graphOf(Object.fromEntries(shipped.map((file) => [file, read(file)])))

describe('the check of boundaries', () => {
  test('sees the files of the rooms, and what they import', () => {
    expect(shipped.length).toBeGreaterThan(20)
    const seen = new Set(shipped.map((file) => file.split('/', 1)[0]))
    expect([...seen]).toEqual(expect.arrayContaining(['protocol', 'agent', 'server']))
    const all = [...graph.values()].flat()
    expect(all.map((it) => it.target)).toEqual(expect.arrayContaining(['zod', 'protocol/errors.ts']))
    const missing = all.filter((it) => it.kind === 'file' && !graph.has(it.target) && it.target.endsWith('.ts'))
    expect(missing.map((it) => it.target)).toEqual([])
  })

  test('sees every way to import', () => {
    const text = `
      import './a.ts'
      import x from './b.ts'
      import {
        type Y,
      } from './c.ts'
      export { z } from './d.ts'
      export * from './e.ts'
      import type { T } from 'zod/v4'
      const later = await import('@scope/name/part')
      import fs from 'fs'
      // import './not-this.ts'
      /* import './nor-this.ts' */`
    const seen = importsIn('protocol/x.ts', text).map((it) => it.target)
    const files = ['a', 'b', 'c', 'd', 'e'].map((name) => `protocol/${name}.ts`)
    expect(seen.toSorted()).toEqual([...files, '@scope/name', 'fs', 'zod'].toSorted())
  })

  test('finds a breach through other files, and names the way', () => {
    const broken = graphOf({
      'protocol/a.ts': `import './b.ts'`,
      'protocol/b.ts': `import './c.ts'`,
      'protocol/c.ts': `import { readFileSync } from 'node:fs'`,
    })
    expect(breaches(broken, rules['protocol is pure'] as Rule)).toContain(
      'protocol/a.ts → protocol/b.ts → protocol/c.ts → node:fs',
    )
  })
})

describe.each(Object.entries(rules))('%s', (_name, rule) => {
  test(`because ${rule.reason}`, () => {
    expect(breaches(graph, rule)).toEqual([])
  })
})
