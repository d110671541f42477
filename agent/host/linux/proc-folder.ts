import { constants, readdirSync, readSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { HostError } from '../host.ts'
import { withDescriptor } from './descriptors.ts'
import { hostError, must, mustNode } from './failures.ts'
import { cString, type Libc, O_CLOEXEC } from './libc.ts'
import { type ProcStat, parseProcStat } from './proc-stat.ts'

const { errno } = osConstants
const AT_FDCWD = -100

/**
 * /proc/PID, held by a descriptor: it keeps naming the process it was opened on, and reads fail once that one has ended, also
 * when its number has been given to another.
 */
export interface ProcFolder {
  readonly descriptor: number
  /** The bytes of a small file in it. HostError process_gone; not_permitted. */
  read(name: string): Buffer
  stat(): ProcStat
  /** Numbers of its threads. */
  threads(): string[]
  /** A path that leads to a file in it, for calls that take no descriptor. */
  at(name: string): string
}

/** Null when no process has the number, or it is not ours to see. */
export const openProcFolder = (libc: Libc, pid: number): ProcFolder | null => {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | O_CLOEXEC
  const descriptor = libc.openat(AT_FDCWD, cString(`/proc/${pid}`), flags, 0)
  if (descriptor === -errno.ENOENT || descriptor === -errno.ESRCH) return null
  return procFolder(libc, must(descriptor, `look at process ${pid}`))
}

function procFolder(libc: Libc, descriptor: number): ProcFolder {
  const read = (name: string): Buffer => {
    const opened = libc.openat(descriptor, cString(name), constants.O_RDONLY | O_CLOEXEC, 0)
    return withDescriptor(libc, orGone(opened, `read ${name} of a process`), readAll)
  }
  return {
    descriptor,
    read,
    stat: () => {
      const stat = parseProcStat(read('stat'))
      if (stat === null) throw new HostError('process_gone', 'the process has ended')
      return stat
    },
    threads: () => orGoneNode('list the threads of a process', () => readdirSync(`/proc/self/fd/${descriptor}/task`)),
    at: (name) => `/proc/self/fd/${descriptor}/${name}`,
  }
}

/** A process that has ended answers with either of the two. */
const isGone = (number: number) => number === errno.ENOENT || number === errno.ESRCH

function orGone(answer: number, doing: string): number {
  if (answer >= 0) return answer
  throw isGone(-answer) ? new HostError('process_gone', 'the process has ended') : hostError(-answer, doing)
}

/** The same for calls of Node's. */
export const orGoneNode = <T>(doing: string, call: () => T): T => {
  try {
    return mustNode(doing, call)
  } catch (error) {
    if (error instanceof HostError && error.code === 'target_not_found')
      throw new HostError('process_gone', 'the process has ended', { cause: error })
    throw error
  }
}

function readAll(descriptor: number): Buffer {
  let buffer = Buffer.alloc(4_096)
  let filled = 0
  for (;;) {
    const count = orGoneNode('read of a process', () =>
      readSync(descriptor, buffer, filled, buffer.length - filled, null),
    )
    if (count === 0) return buffer.subarray(0, filled)
    filled += count
    if (filled === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2)
  }
}
