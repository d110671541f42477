// `npm run new:action NAME`: adds an action that compiles on every platform and does nothing yet, in the places where all actions are:
// a spec, a folder, one line in each registry. docs/adding-an-action.md goes on from there.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { filesOf, variableName, withLine } from './new-action-files.ts'

const fail = (text: string): never => {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}

const project = join(import.meta.dirname, '..')
const { values, positionals } = parseArgs({ allowPositionals: true, options: { root: { type: 'string' } } })
const root = values.root ?? project
const name = positionals[0] ?? fail('say its name: npm run new:action restart-service')
if (!/^[a-z]+(-[a-z]+)+$/.test(name))
  fail(`an action is named by a verb and what it is done to, such as restart-service: not ${name}`)

const created = Object.entries(filesOf(name))
const there = created.map(([file]) => file).filter((file) => existsSync(join(root, file)))
if (there.length > 0) fail(`${name} is there already: ${there.join(', ')}`)

const registries = [
  { file: 'protocol/actions/index.ts', entry: variableName(name), from: `./${name}.ts` },
  { file: 'agent/actions/index.ts', entry: variableName(name), from: `./${name}/index.ts` },
].map(({ file, entry, from }) => {
  const path = join(root, file)
  const text = existsSync(path) ? readFileSync(path, 'utf8') : fail(`${file} is missing`)
  const line = `  '${name}': ${entry},`
  return { file, path, text: withLine(text, line, from && `import { ${entry} } from '${from}'`) }
})

for (const [file, text] of created) {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}
for (const { path, text } of registries) writeFileSync(path, text)

const touched = [...created.map(([file]) => file), ...registries.map(({ file }) => file)]
const biome = join(project, 'node_modules/.bin/biome')
const options = ['check', '--write', `--config-path=${project}`, '--vcs-enabled=false', '--log-level=warn']
execFileSync(biome, [...options, ...touched.map((file) => join(root, file))], { stdio: 'inherit', cwd: root })
process.stdout.write(`${touched.join('\n')}\n\nNext: docs/adding-an-action.md\n`)
