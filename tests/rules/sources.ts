import { existsSync, globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** The folders that hold code. `bench`, `scripts` and `tests` may lean on everybody. */
export const rooms = ['protocol', 'agent', 'server', 'simulator'] as const
const folders = [...rooms, 'scripts', 'bench', 'tests']

/** Every TypeScript file of the project, as a path from its root. */
export const sourceFiles = (): readonly string[] =>
  folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root }))
    .toSorted()

export const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Tests, and the suites that several tests share: `contract.ts`, `host-contract.ts`. */
export const isTest = (file: string): boolean =>
  /\.test(-d)?\.tsx?$|(?:^|[/-])contract\.ts$/.test(file) || file.startsWith('tests/')

/** An import as written (`./a.ts`, `zod/v4`) and what it is: a file of the project, a package, or a part of Node. */
export type Import = { readonly written: string; readonly target: string; readonly kind: 'file' | 'package' | 'node' }

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')

const patterns = [
  /^\s*import\s+['"]([^'"]+)['"]/gm,
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
]

const packageName = (written: string): string =>
  written
    .split('/')
    .slice(0, written.startsWith('@') ? 2 : 1)
    .join('/')

/** What a file's text imports, types included: a boundary that only types cross is still crossed. */
export const importsIn = (file: string, text: string): readonly Import[] =>
  patterns
    .flatMap((pattern) => [...withoutComments(text).matchAll(pattern)])
    .map((match) => match[1] ?? '')
    .map((written): Import => {
      if (written.startsWith('.')) {
        return { written, target: relative(root, join(root, dirname(file), written)), kind: 'file' }
      }
      const name = packageName(written)
      if (written.startsWith('node:') || builtinModules.includes(name))
        return { written, target: written, kind: 'node' }
      return { written, target: name, kind: 'package' }
    })

/** A way from a file to something it leans on, directly or through others: `['a.ts', 'b.ts', 'node:fs']`. */
export type Path = readonly string[]

/** Everything each file leans on, with the shortest way there. */
export const reach = (graph: ReadonlyMap<string, readonly Import[]>, start: string): ReadonlyMap<string, Path> => {
  const ways = new Map<string, Path>()
  let edge: Path[] = [[start]]
  while (edge.length > 0) {
    const next: Path[] = []
    for (const way of edge) {
      for (const { target, kind } of graph.get(way.at(-1) ?? '') ?? []) {
        if (ways.has(target)) continue
        const longer = [...way, target]
        ways.set(target, longer)
        if (kind === 'file') next.push(longer)
      }
    }
    edge = next
  }
  return ways
}
