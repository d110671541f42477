import { cString, libc } from './libc.ts'

/**
 * The other side of a race, run as a program of its own: `racer.ts FOLDER NAME LINK`. Exchanges the thing called NAME with the one called LINK
 * in FOLDER, back and forth in single steps, until it is killed. A third one that comes and goes makes moments in which a name is missing.
 */
const [folder, name, link] = process.argv.slice(2)
if (folder === undefined || name === undefined || link === undefined)
  throw new Error('usage: racer.ts FOLDER NAME LINK')

const AT_FDCWD = -100
const RENAME_EXCHANGE = 2
const calls = libc()
const path = cString(`${folder}/${name}`)
const other = cString(`${folder}/${link}`)
const aside = cString(`${folder}/aside`)
process.stdout.write('running\n')
for (;;) {
  calls.renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE)
  calls.renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE)
  calls.renameat2(AT_FDCWD, path, AT_FDCWD, aside, 0)
  calls.renameat2(AT_FDCWD, other, AT_FDCWD, path, 0)
  calls.renameat2(AT_FDCWD, path, AT_FDCWD, other, 0)
  calls.renameat2(AT_FDCWD, aside, AT_FDCWD, path, 0)
}
