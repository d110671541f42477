import { constants } from 'node:os'
import koffi from 'koffi'
import { HostError } from '../host.ts'

/**
 * The system calls that Node does not offer, or not by descriptor, or not for names that are no UTF-8.
 *
 * Every function answers as the kernel does: zero or a count or a descriptor, or the negated errno; none throws. Names are bytes that end
 * with a zero ({@link cString}). Descriptors opened here are closed here, with {@link Libc.close}, because Node keeps books of its own only.
 */
export interface Libc {
  openat(directory: number, name: Uint8Array, flags: number, mode: number): number
  /** With RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS: no component may be a link. -ENOSYS before Linux 5.6. */
  openat2(directory: number, path: Uint8Array, flags: number): number
  close(descriptor: number): number
  mkdirat(directory: number, name: Uint8Array, mode: number): number
  unlinkat(directory: number, name: Uint8Array, flags: number): number
  renameat2(from: number, name: Uint8Array, to: number, toName: Uint8Array, flags: number): number
  /** Fills the buffer with `struct linux_dirent64`; 0 at the end. */
  getdents64(directory: number, buffer: Uint8Array): number
  flistxattr(file: number, list: Uint8Array): number
  fgetxattr(file: number, name: Uint8Array, value: Uint8Array): number
  fsetxattr(file: number, name: Uint8Array, value: Uint8Array): number
  fremovexattr(file: number, name: Uint8Array): number
  /** Two `struct timespec`: access, modification. */
  futimens(file: number, times: Uint8Array): number
  /** `argument` holds the int that FS_IOC_GETFLAGS and FS_IOC_SETFLAGS work on. */
  ioctl(file: number, request: number, argument: Uint8Array): number
  lseek(file: number, offset: number, whence: number): number
  fstatfs(file: number, buffer: Uint8Array): number
  pidfdOpen(pid: number): number
  pidfdSendSignal(pidfd: number, signal: number): number
  poll(descriptors: Uint8Array, count: number, timeoutMs: number): number
  clockGettime(clock: number, time: Uint8Array): number
}

/** Numbers of system calls that the C library of an older system has no function for. */
const systemCalls = {
  x64: { openat2: 437, renameat2: 316, getdents64: 217, pidfdOpen: 434, pidfdSendSignal: 424 },
  arm64: { openat2: 437, renameat2: 276, getdents64: 61, pidfdOpen: 434, pidfdSendSignal: 424 },
} as const

const RESOLVE_NO_MAGICLINKS = 2n
const RESOLVE_NO_SYMLINKS = 4n

/** Flags of open(2) that Node has no constant for; the same number on every architecture served here. */
export const O_PATH = 0o10000000
export const O_CLOEXEC = 0o2000000
export const AT_REMOVEDIR = 0x200
export const RENAME_NOREPLACE = 1
export const CLOCK_BOOTTIME = 7
export const SEEK_DATA = 3
export const SEEK_HOLE = 4

/** A name for the kernel: its bytes and a zero. */
export const cString = (bytes: Uint8Array | string): Buffer =>
  Buffer.concat([typeof bytes === 'string' ? Buffer.from(bytes) : bytes, Buffer.alloc(1)])

let bound: Libc | undefined

/** The C library of this process, bound at first use. HostError tool_missing where there is no Linux or no binding for it. */
export const libc = (): Libc => {
  bound ??= bind()
  return bound
}

function bind(): Libc {
  const numbers = process.arch === 'x64' || process.arch === 'arm64' ? systemCalls[process.arch] : null
  if (process.platform !== 'linux' || numbers === null)
    throw new HostError(
      'tool_missing',
      `the Linux host needs Linux on x64 or arm64; this is ${process.platform} on ${process.arch}`,
    )
  try {
    return functionsOf(koffi.load(null), numbers)
  } catch (cause) {
    throw new HostError('tool_missing', 'the C library of this system cannot be called', { cause })
  }
}

type Raw = (...parameters: (number | bigint | Uint8Array | null)[]) => number | bigint

function functionsOf(
  library: ReturnType<typeof koffi.load>,
  numbers: (typeof systemCalls)[keyof typeof systemCalls],
): Libc {
  const bytes = 'const void *'
  const room = 'void *'
  const named = (name: string, result: string, parameters: string[]): Raw => library.func(name, result, parameters)
  const numbered = (number: number, parameters: string[]): Raw => {
    const call: Raw = library.func('syscall', 'long', ['long', ...parameters])
    return (...rest) => call(number, ...rest)
  }
  const openat = named('openat', 'int', ['int', bytes, 'int', 'unsigned int'])
  const openat2 = numbered(numbers.openat2, ['int', bytes, bytes, 'size_t'])
  const close = named('close', 'int', ['int'])
  const mkdirat = named('mkdirat', 'int', ['int', bytes, 'unsigned int'])
  const unlinkat = named('unlinkat', 'int', ['int', bytes, 'int'])
  const renameat2 = numbered(numbers.renameat2, ['int', bytes, 'int', bytes, 'unsigned int'])
  const getdents64 = numbered(numbers.getdents64, ['int', room, 'size_t'])
  const flistxattr = named('flistxattr', 'long', ['int', room, 'size_t'])
  const fgetxattr = named('fgetxattr', 'long', ['int', bytes, room, 'size_t'])
  const fsetxattr = named('fsetxattr', 'int', ['int', bytes, bytes, 'size_t', 'int'])
  const fremovexattr = named('fremovexattr', 'int', ['int', bytes])
  const futimens = named('futimens', 'int', ['int', bytes])
  const ioctl = named('ioctl', 'int', ['int', 'unsigned long', room])
  const lseek = named('lseek', 'int64_t', ['int', 'int64_t', 'int'])
  const fstatfs = named('fstatfs', 'int', ['int', room])
  const pidfdOpen = numbered(numbers.pidfdOpen, ['int', 'unsigned int'])
  const pidfdSendSignal = numbered(numbers.pidfdSendSignal, ['int', 'int', bytes, 'unsigned int'])
  const poll = named('poll', 'int', [room, 'unsigned long', 'int'])
  const clockGettime = named('clock_gettime', 'int', ['int', room])

  return {
    openat: (directory, name, flags, mode) => answer(openat, directory, name, flags, mode),
    openat2: (directory, path, flags) => {
      const how = Buffer.alloc(24)
      how.writeBigUInt64LE(BigInt(flags), 0)
      how.writeBigUInt64LE(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, 16)
      return answer(openat2, directory, path, how, how.length)
    },
    // Linux has given the number back even when it answers EINTR; a second try could close another's.
    close: (descriptor) => (close(descriptor) === 0 ? 0 : -koffi.errno()),
    mkdirat: (directory, name, mode) => answer(mkdirat, directory, name, mode),
    unlinkat: (directory, name, flags) => answer(unlinkat, directory, name, flags),
    renameat2: (from, name, to, toName, flags) => answer(renameat2, from, name, to, toName, flags),
    getdents64: (directory, buffer) => answer(getdents64, directory, buffer, buffer.length),
    flistxattr: (file, list) => answer(flistxattr, file, list, list.length),
    fgetxattr: (file, name, value) => answer(fgetxattr, file, name, value, value.length),
    fsetxattr: (file, name, value) => answer(fsetxattr, file, name, value, value.length, 0),
    fremovexattr: (file, name) => answer(fremovexattr, file, name),
    futimens: (file, times) => answer(futimens, file, times),
    ioctl: (file, request, argument) => answer(ioctl, file, request, argument),
    lseek: (file, offset, whence) => answer(lseek, file, offset, whence),
    fstatfs: (file, buffer) => answer(fstatfs, file, buffer),
    pidfdOpen: (pid) => answer(pidfdOpen, pid, 0),
    pidfdSendSignal: (pidfd, signal) => answer(pidfdSendSignal, pidfd, signal, null, 0),
    poll: (descriptors, count, timeoutMs) => answer(poll, descriptors, count, timeoutMs),
    clockGettime: (clock, time) => answer(clockGettime, clock, time),
  }
}

function answer(call: Raw, ...parameters: Parameters<Raw>): number {
  for (;;) {
    const result = Number(call(...parameters))
    if (result >= 0) return result
    const errno = koffi.errno()
    if (errno !== constants.errno.EINTR) return -errno
  }
}
