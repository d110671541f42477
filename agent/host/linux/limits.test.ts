import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { asRoot, scratch } from './scratch.ts'

/** Runs on file systems mounted for it alone: `small` has 64 KiB, `fixed` cannot be written. Prints what each attempt ended with. */
const program = `
  const at = process.argv[1]
  const { linuxFiles } = await import(process.argv[2] + '/files.ts')
  const { libc } = await import(process.argv[2] + '/libc.ts')
  const files = linuxFiles(libc())
  const name = Buffer.from('file')
  const end = (act) => { try { return act() } catch (error) { return error.code ?? String(error) } }
  const small = files.openDirectory(at + '/small')
  const file = small.createFile(name)
  const fixed = files.openDirectory(at + '/fixed')
  console.log(JSON.stringify({
    free: small.freeBytes(),
    fits: end(() => file.write(Buffer.alloc(32_768, 1), 0)) ?? null,
    full: end(() => file.write(Buffer.alloc(1_048_576, 1), 32_768)),
    left: small.freeBytes(),
    create: end(() => fixed.createFile(Buffer.from('new'))),
    folder: end(() => fixed.createDirectory(Buffer.from('new'))),
    remove: end(() => fixed.remove(name)),
    move: end(() => fixed.move(name, fixed, Buffer.from('new'))),
    lock: end(() => fixed.openFile(name).lock()),
    gaps: fixed.openFile(name).setMetadata({ ...fixed.openFile(name).metadata(), mode: 0o600 }),
    read: fixed.openFile(name).read(Buffer.alloc(9), 0),
  }))`

const mounted = `
  mkdir "$1/small" "$1/fixed"
  mount -t tmpfs -o size=65536 tmpfs "$1/small"
  mount -t tmpfs tmpfs "$1/fixed"
  echo x >"$1/fixed/file"
  mount -o remount,ro "$1/fixed"
  exec "$2" --input-type=module -e "$3" "$1" "$4"`

test.skipIf(!asRoot)('[JRN6] a full and a read-only file system have their own codes (as root, who may mount)', () => {
  using place = scratch()
  const printed = execFileSync(
    '/usr/bin/unshare',
    ['--mount', '/bin/sh', '-ec', mounted, 'sh', place.folder, process.execPath, program, import.meta.dirname],
    { encoding: 'utf8' },
  )
  expect(JSON.parse(printed)).toEqual({
    free: 65_536,
    fits: null,
    full: 'no_space',
    left: 0,
    create: 'read_only',
    folder: 'read_only',
    remove: 'read_only',
    move: 'read_only',
    lock: 'read_only',
    gaps: [{ what: 'mode', why: 'cannot set the mode: EROFS' }],
    read: 2,
  })
})
