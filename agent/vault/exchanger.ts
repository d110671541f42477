import { cString, libc } from '../host/linux/libc.ts'

/**
 * The other side of a race, run as a program of its own: `exchanger.ts FOLDER ONE OTHER`. Exchanges two names in a
 * folder, in one step and in several, until it is killed. It never replaces anything, so whatever is lost was lost by
 * the agent.
 */
const [folder, one, other] = process.argv.slice(2)
if (folder === undefined || one === undefined || other === undefined)
  throw new Error('usage: exchanger.ts FOLDER ONE OTHER')

const AT_FDCWD = -100
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2
const calls = libc()
const first = cString(`${folder}/${one}`)
const second = cString(`${folder}/${other}`)
const third = cString(`${folder}/between`)
const rename = (from: Uint8Array, to: Uint8Array, how: number) => calls.renameat2(AT_FDCWD, from, AT_FDCWD, to, how)

process.stdout.write('running\n')
for (;;) {
  rename(first, second, RENAME_EXCHANGE)
  rename(first, second, RENAME_EXCHANGE)
  rename(first, third, RENAME_NOREPLACE)
  rename(second, first, RENAME_NOREPLACE)
  rename(third, second, RENAME_NOREPLACE)
  // What the agent has moved away and put back may have left the names otherwise than they were.
  rename(third, first, RENAME_NOREPLACE)
}
