import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rooms, root } from './sources.ts'

const copy = mkdtempSync(join(tmpdir(), 'recourse-new-action-'))
const name = 'rename-printer'

const run = (program: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', program), args, {
    cwd: copy,
    encoding: 'utf8',
  })
  return { status, output: `${stdout}${stderr}` }
}
const newAction = (...args: string[]) => run('tsx', join(root, 'scripts/new-action.ts'), '--root', copy, ...args)

describe('npm run new:action', () => {
  beforeAll(() => {
    for (const file of [...rooms, 'scripts', 'tests', 'package.json', 'tsconfig.json']) {
      if (existsSync(join(root, file))) cpSync(join(root, file), join(copy, file), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  })
  afterAll(() => rmSync(copy, { recursive: true, force: true }))

  test('refuses a name that is no name, before it writes anything', () => {
    // Not into the packages, where other programs keep their caches.
    const entries = () => globSync('**', { cwd: copy, exclude: (name) => name === 'node_modules' }).toSorted()
    const before = entries()
    for (const bad of ['', 'Rename-Printer', 'printer', '../../etc/passwd', 'a--b'])
      expect(newAction(bad).status).toBe(1)
    expect(entries()).toEqual(before)
  })

  test('adds one that the whole project compiles with, and whose tests pass', () => {
    const went = { status: 0, output: expect.any(String) }
    expect(newAction(name)).toEqual(went)
    for (const registry of ['protocol/actions/index.ts', 'agent/actions/index.ts']) {
      expect(readFileSync(join(copy, registry), 'utf8')).toContain(`'${name}': renamePrinter,`)
    }
    expect(run('tsc', '-p', 'tsconfig.json')).toEqual({ status: 0, output: '' })
    expect(run('vitest', 'run', `agent/actions/${name}`, 'protocol/actions')).toEqual(went)
    expect(run('biome', 'check', `--config-path=${root}`, '--vcs-enabled=false', '.')).toEqual(went)
  })

  test('does not add the same twice', () => {
    const before = readFileSync(join(copy, 'protocol/actions/index.ts'), 'utf8')
    expect(newAction(name)).toMatchObject({ status: 1 })
    expect(readFileSync(join(copy, 'protocol/actions/index.ts'), 'utf8')).toBe(before)
  })
})
