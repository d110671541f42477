import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const pathOf = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url))

/**
 * Runs a program of the project (`server/cli/main.ts`) from its sources, on the Node that came with the packages where there is one:
 * who types `recourse` may have an older Node in front. Arguments, terminal, signals and exit code are passed on.
 */
export const launch = (entry) => {
  if (!existsSync(pathOf('node_modules/tsx'))) {
    process.stderr.write('recourse: the packages are not installed yet; run `npm start` once.\n')
    process.exit(1)
  }
  const ownNode = pathOf('node_modules/.bin/node')
  const node = existsSync(ownNode) ? ownNode : process.execPath
  const args = ['--import', import.meta.resolve('tsx'), pathOf(entry), ...process.argv.slice(2)]
  const child = spawn(node, args, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (status, signal) => process.exit(status ?? 128 + (constants.signals[signal] ?? 0)))
}
