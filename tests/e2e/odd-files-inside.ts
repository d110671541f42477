import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { joinPath } from '../../protocol/file-path.ts'

/**
 * Runs inside a device: makes files that are easy to take or to restore badly, and looks at them without leaving a trace.
 * `make` prints one JSON object {name: {path, sha256}}; `look PATH` prints everything that makes the file the same file.
 */
const folder = '/srv/odd'
const other = '/dev/shm/odd'

interface Made {
  readonly path: string
  readonly sha256: string
}

const bytesOf = (text: string) => Buffer.from(text, 'latin1')
const at = (name: Buffer | string, inside = folder) => {
  const bytes = typeof name === 'string' ? Buffer.from(name) : name
  return {
    bytes: Buffer.concat([Buffer.from(`${inside}/`), bytes]),
    text: joinPath({
      root: '/',
      names: [
        ...inside
          .slice(1)
          .split('/')
          .map((it) => Buffer.from(it)),
        bytes,
      ],
    }),
  }
}

function make(): Record<string, Made> {
  mkdirSync(folder, { recursive: true })
  mkdirSync(other, { recursive: true })
  const made: Record<string, Made> = {}
  const add = (
    name: string,
    place: ReturnType<typeof at>,
    content: string | Buffer,
    finish: (path: Buffer) => void = () => {},
  ) => {
    writeFileSync(place.bytes, content)
    finish(place.bytes)
    made[name] = { path: place.text, sha256: sha256(place.bytes) }
  }
  const run = (program: string, ...args: string[]) => execFileSync(program, args)
  add('extended attributes', at('attributes'), 'x', (path) => {
    run('/usr/bin/setfattr', '-n', 'user.origin', '-v', '0x00ff0ac328', String(path))
    run('/usr/bin/setfattr', '-n', 'trusted.note', '-v', 'root only', String(path))
  })
  add('access list', at('acl'), 'x', (path) => run('/usr/bin/setfacl', '-m', 'u:33:r,g:44:rw', String(path)))
  add('capability', at('capable'), 'x', (path) => run('/usr/sbin/setcap', 'cap_net_raw+ep', String(path)))
  add('times to the nanosecond', at('old'), 'x', (path) =>
    run('/usr/bin/touch', '-d', '1999-12-31 23:59:59.123456789', String(path)),
  )
  add('owner and special bits', at('owned'), 'x', (path) => {
    chownSync(path, 1_234, 56_789)
    chmodSync(path, 0o6751)
  })
  add('a line break in the name', at('two\nlines'), 'x')
  add('a name that is no UTF-8', at(bytesOf('caf\xe9 \xff')), 'x')
  add('a name of 255 bytes', at('n'.repeat(255)), 'x')
  add('an empty file', at('empty'), '')
  add('an immutable file', at('immutable'), 'x', (path) => run('/usr/bin/chattr', '+i', String(path)))
  add('a sparse file', at('sparse'), '', (path) => {
    const file = openSync(path, 'r+')
    ftruncateSync(file, 512 * 1_048_576)
    writeSync(file, 'in the middle of nothing', 256 * 1_048_576)
    closeSync(file)
  })
  add('a hard-linked file', at('linked'), 'the same under two names', (path) => linkSync(path, `${folder}/linked-too`))
  add('a file that runs', at('runs'), '', (path) => {
    run('/bin/cp', '/bin/sleep', String(path))
    chmodSync(path, 0o755)
    spawn(String(path), ['86400'], { detached: true, stdio: 'ignore' }).unref()
  })
  add('a file on another file system', at('elsewhere', other), 'x', (path) => {
    run('/usr/bin/setfattr', '-n', 'user.origin', '-v', 'shm', String(path))
    chmodSync(path, 0o4711)
  })
  add('a file of 1 GiB', at('large'), '', (path) => {
    const file = openSync(path, 'r+')
    const chunk = Buffer.alloc(64 * 1_048_576)
    for (let part = 0; part < 16; part++) writeSync(file, randomFillSync(chunk))
    closeSync(file)
  })
  return made
}

function sha256(path: Buffer): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOATIME)
  const hash = createHash('sha256')
  const chunk = Buffer.alloc(8 * 1_048_576)
  for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk))
    hash.update(chunk.subarray(0, length))
  closeSync(file)
  return hash.digest('hex')
}

/** Everything UND3 names; `blocks` only by order of size, since a file system may round. */
function look(path: Buffer): unknown {
  if (!existsSync(path)) return null
  const file = openSync(path, constants.O_RDONLY | constants.O_NOATIME)
  const { mode, uid, gid, size, nlink, atimeNs, mtimeNs, blocks } = fstatSync(file, { bigint: true })
  const inner = `/proc/self/fd/3`
  const stdio: ['ignore', 'pipe', 'pipe', number] = ['ignore', 'pipe', 'pipe', file]
  const attributes = execFileSync('/usr/bin/getfattr', ['--absolute-names', '-d', '-m', '-', '-e', 'hex', inner], {
    encoding: 'utf8',
    stdio,
  })
  // It takes no link, and an argument cannot carry a name that is no UTF-8.
  const flags = execFileSync('/usr/bin/xargs', ['-0', '/usr/bin/lsattr', '-l', '--'], {
    encoding: 'latin1',
    input: path,
  })
  closeSync(file)
  return {
    mode: mode.toString(8),
    owner: `${uid}:${gid}`,
    size: String(size),
    nlink: String(nlink),
    atimeNs: String(atimeNs),
    mtimeNs: String(mtimeNs),
    hasHoles: blocks * 512n < size,
    attributes,
    flags,
    sha256: sha256(path),
  }
}

const [, , verb, path] = process.argv
const answer = verb === 'make' ? make() : look(Buffer.from(path ?? '', 'base64'))
process.stdout.write(`${JSON.stringify(answer)}\n`)
