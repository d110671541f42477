import { closeSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { cString, libc } from './libc.ts'

const { errno } = constants

describe('calls of the C library', () => {
  test('answer with the negated errno, and throw nothing', () => {
    const calls = libc()
    expect(calls.openat(-100, cString('/none/at/all'), 0, 0)).toBe(-errno.ENOENT)
    expect(calls.openat2(-100, cString('/none/at/all'), 0)).toBe(-errno.ENOENT)
    expect(calls.close(1_000_000)).toBe(-errno.EBADF)
    expect(calls.pidfdSendSignal(1_000_000, 0)).toBe(-errno.EBADF)
    expect(calls.ioctl(1_000_000, 0, Buffer.alloc(8))).toBe(-errno.EBADF)
  })

  test('give descriptors that Node can read, until they are closed', () => {
    const calls = libc()
    const descriptor = calls.openat(-100, cString('/proc/self/stat'), 0, 0)
    const again = openSync(`/proc/self/fd/${descriptor}`, 'r')
    closeSync(again)
    expect(calls.close(descriptor)).toBe(0)
  })

  test('take names as bytes, with the zero the kernel looks for', () => {
    expect(cString('a')).toEqual(Buffer.from('a\0'))
    expect(cString(Buffer.of(0xff))).toEqual(Buffer.of(0xff, 0))
  })
})

describe('on another system', () => {
  const { arch } = process
  afterEach(() => {
    Object.defineProperty(process, 'arch', { value: arch })
    vi.resetModules()
  })

  test('the binding says what it needs, and nothing happens before it is asked for', async () => {
    vi.resetModules()
    const fresh = await import('./libc.ts')
    Object.defineProperty(process, 'arch', { value: 'riscv64' })
    expect(() => fresh.libc()).toThrow('the Linux host needs Linux on x64 or arm64; this is linux on riscv64')
    expect(() => fresh.libc()).toThrow(expect.objectContaining({ code: 'tool_missing' }))
  })
})
