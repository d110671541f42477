import { fchmodSync, fsync, fsyncSync, ftruncateSync, readSync, writeSync } from 'node:fs'
import type { DataRange, FileMetadata, Identity } from '../../../protocol/file-record.ts'
import type { Gap } from '../../../protocol/outcome.ts'
import type { OpenFile } from '../host.ts'
import { identityOf, statOf } from './descriptors.ts'
import { mustNode } from './failures.ts'
import type { Libc } from './libc.ts'
import { lockingFlags, readFlags, readMetadata, restoreMetadata, writeFlags } from './metadata.ts'
import { storedRanges } from './ranges.ts'
import { usersOf } from './users.ts'

/** A regular file by its descriptor; the name it was opened by is kept for words only. */
export class LinuxFile implements OpenFile {
  readonly identity: Identity
  readonly #libc: Libc
  readonly #text: string
  #open: number | null

  /** Takes the descriptor over and closes it. */
  constructor(libc: Libc, descriptor: number, text: string) {
    this.#libc = libc
    this.#text = text
    this.#open = descriptor
    this.identity = identityOf(statOf(descriptor))
  }

  sizeBytes(): number {
    return Number(statOf(this.#descriptor).size)
  }

  links(): number {
    return Number(statOf(this.#descriptor).nlink)
  }

  metadata(): FileMetadata {
    return readMetadata(this.#libc, this.#descriptor)
  }

  setMetadata(metadata: FileMetadata): Gap[] {
    return restoreMetadata(this.#libc, this.#descriptor, metadata)
  }

  unlock(): boolean {
    const flags = readFlags(this.#libc, this.#descriptor)
    if (flags === null || (flags & lockingFlags) === 0) return false
    writeFlags(this.#libc, this.#descriptor, flags & ~lockingFlags)
    return true
  }

  lock(): void {
    mustNode(`lock ${this.#text}`, () => fchmodSync(this.#descriptor, 0))
  }

  read(buffer: Uint8Array, position: number): number {
    const descriptor = this.#descriptor
    return mustNode(`read ${this.#text}`, () => {
      let filled = 0
      while (filled < buffer.length) {
        const count = readSync(descriptor, buffer, filled, buffer.length - filled, position + filled)
        if (count === 0) break
        filled += count
      }
      return filled
    })
  }

  write(buffer: Uint8Array, position: number): void {
    const descriptor = this.#descriptor
    mustNode(`write ${this.#text}`, () => {
      for (let done = 0; done < buffer.length; )
        done += writeSync(descriptor, buffer, done, buffer.length - done, position + done)
    })
  }

  truncate(sizeBytes: number): void {
    mustNode(`truncate ${this.#text}`, () => ftruncateSync(this.#descriptor, sizeBytes))
  }

  ranges(): DataRange[] | null {
    return storedRanges(this.#libc, this.#descriptor, this.sizeBytes())
  }

  sync(): void {
    mustNode(`sync ${this.#text}`, () => fsyncSync(this.#descriptor))
  }

  async flush(): Promise<void> {
    const descriptor = this.#descriptor
    const failure = await new Promise<Error | null>((resolve) => fsync(descriptor, resolve))
    mustNode(`flush ${this.#text}`, () => {
      if (failure !== null) throw failure
    })
  }

  users(): { pid: number; image: string }[] {
    return usersOf(this.identity)
  }

  close(): void {
    if (this.#open === null) return
    this.#libc.close(this.#open)
    this.#open = null
  }

  [Symbol.dispose](): void {
    this.close()
  }

  get #descriptor(): number {
    if (this.#open === null) throw new Error(`the file ${this.#text} was closed`)
    return this.#open
  }
}
