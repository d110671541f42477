import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

// As `npm run tour` does. The program `tsx` would kill a tour that does not answer Ctrl-C within 60 ms.
const node = ['--import', import.meta.resolve('tsx'), join(import.meta.dirname, 'tour.ts')]
const devices = '/run/recourse-devices'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-tours-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the tour in a folder of its own; `interruptAt` is what it says when it is to be interrupted. */
async function tour(interruptAt: string | null = null): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, node, { env: { ...process.env, TMPDIR: folder } })
  let said = ''
  let interrupted = false
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += String(chunk)
      if (interrupted || interruptAt === null || !said.includes(interruptAt)) return
      interrupted = true
      child.kill('SIGINT')
    })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, said }
}

/** Its folders, its processes, its devices; whatever the tour may not leave. */
const leftovers = (said: string): string[] => [
  ...readdirSync(folder).filter((name) => name.startsWith('recourse-')),
  ...globSync('/proc/[0-9]*/cmdline').filter((file) => commandLineOf(file).includes(folder)),
  ...(existsSync(devices) ? readdirSync(devices).filter((name) => name === /tour-\d+-1/.exec(said)?.[0]) : []),
]

function commandLineOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // It ended between the list and the look.
    return ''
  }
}

test('[UND3 POL6 AUD1 TRU5] the tour holds every claim, and leaves nothing behind', async () => {
  const { status, said } = await tour()
  expect(said).not.toContain('✗')
  expect(said).toMatch(/Every claim held: \d+/)
  expect(status).toBe(0)
  expect(leftovers(said)).toEqual([])
})

test('a tour that is interrupted in the middle says so by its exit code, and leaves nothing behind either', async () => {
  const { status, said } = await tour('The file is gone from')
  expect(said).not.toContain('Every claim held')
  expect(status).toBe(130)
  expect(leftovers(said)).toEqual([])
})
