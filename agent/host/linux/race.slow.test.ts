import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Files } from '../host.ts'
import { linuxFiles } from './files.ts'
import { libc } from './libc.ts'
import { endOf, openDescriptors, scratch } from './scratch.ts'

const mostRounds = 200_000
/** A race goes on until each of its endings was seen so often, or for {@link mostRounds}: who runs when is the machine's choice. */
const enough = 500

/** Somebody who exchanges two names in a folder as fast as he can, until disposed of. */
const racing = async (folder: string, name: string, link: string): Promise<AsyncDisposable> => {
  const racer = spawn(process.execPath, [fileURLToPath(new URL('./racer.ts', import.meta.url)), folder, name, link], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(racer.stdout, 'data')
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = once(racer, 'exit')
      racer.kill('SIGKILL')
      await ended
    },
  }
}

const ways: Record<string, Files> = {
  'in one call': linuxFiles(libc()),
  'by walking': linuxFiles({ ...libc(), openat2: () => -constants.errno.ENOSYS }),
}

/** Opens the path again and again, and counts what that ends with: the content, or a code. */
const endings = (
  files: Files,
  place: ReturnType<typeof scratch>,
  names: readonly string[],
  wanted: readonly string[],
) => {
  const counts = new Map<string, number>()
  const buffer = Buffer.alloc(16)
  for (let round = 0; round < mostRounds && wanted.some((end) => (counts.get(end) ?? 0) < enough); round += 1) {
    const end = endOf(() => {
      const { directory, name } = files.openParent(place.path(...names))
      using parent = directory
      using file = parent.openFile(name)
      return buffer.toString('utf8', 0, file.read(buffer, 0))
    })
    counts.set(end, (counts.get(end) ?? 0) + 1)
  }
  return counts
}

/** Both sides have won at least once, and nothing else was ever met. */
const expectRaced = (seen: ReadonlyMap<string, number>, refused: readonly string[]) => {
  const ends = [...seen.keys()]
  expect(['real', ...refused], JSON.stringify([...seen])).toEqual(expect.arrayContaining(ends))
  expect(ends).toContain('real')
  expect(ends.length, 'it was no race').toBeGreaterThan(1)
}

describe.each(Object.entries(ways))('[VLT2] while somebody exchanges names, opened %s', (_, files) => {
  test('a directory for a link to a decoy: the decoy is never opened', async () => {
    using place = scratch()
    mkdirSync(place.bytes('wanted', 'below'), { recursive: true })
    mkdirSync(place.bytes('elsewhere', 'below'), { recursive: true })
    writeFileSync(place.bytes('wanted', 'below', 'file'), 'real')
    writeFileSync(place.bytes('elsewhere', 'below', 'file'), 'decoy')
    symlinkSync('elsewhere', place.bytes('link'))
    const before = openDescriptors()
    {
      await using _racer = await racing(place.folder, 'wanted', 'link')
      const seen = endings(
        files,
        place,
        ['wanted', 'below', 'file'],
        ['real', 'target_behind_link', 'target_not_found'],
      )
      expectRaced(seen, ['target_behind_link', 'target_not_found'])
    }
    expect(openDescriptors()).toBeLessThanOrEqual(before)
  })

  test('a file for a link to a decoy: the decoy is never opened', async () => {
    using place = scratch()
    writeFileSync(place.bytes('file'), 'real')
    writeFileSync(place.bytes('decoy'), 'decoy')
    symlinkSync('decoy', place.bytes('link'))
    await using _racer = await racing(place.folder, 'file', 'link')
    const seen = endings(files, place, ['file'], ['real', 'target_behind_link', 'target_not_found'])
    expectRaced(seen, ['target_behind_link', 'target_not_found'])
    expect(readFileSync(place.bytes('decoy'), 'utf8')).toBe('decoy')
  })
})

test('[VLT2] opened by its path alone, the decoy is hit: the race is a real one', async () => {
  using place = scratch()
  mkdirSync(place.bytes('wanted'))
  mkdirSync(place.bytes('elsewhere'))
  writeFileSync(place.bytes('wanted', 'file'), 'real')
  writeFileSync(place.bytes('elsewhere', 'file'), 'decoy')
  symlinkSync('elsewhere', place.bytes('link'))
  await using _racer = await racing(place.folder, 'wanted', 'link')
  const seen = new Set<string>()
  for (let round = 0; round < mostRounds && !seen.has('decoy'); round += 1)
    seen.add(endOf(() => readFileSync(place.bytes('wanted', 'file'), 'utf8')))
  expect(seen).toContain('decoy')
})

test('[VLT2] a FIFO put in the place of a file at the last moment is neither opened nor waited for', async () => {
  using place = scratch()
  writeFileSync(place.bytes('file'), 'real')
  execFileSync('/usr/bin/mkfifo', [place.bytes('fifo').toString()])
  await using _racer = await racing(place.folder, 'file', 'fifo')
  const files = linuxFiles(libc())
  const seen = endings(files, place, ['file'], ['real', 'target_not_regular', 'target_not_found'])
  expectRaced(seen, ['target_not_regular', 'target_not_found'])
})
