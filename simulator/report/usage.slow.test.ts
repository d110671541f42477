import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { openUsage } from './usage.ts'

let child: ChildProcess | null = null
afterEach(() => {
  child?.kill('SIGKILL')
})

/** Runs a program that says a line after each of its rounds, and looks at it that often. */
async function lookedAt(program: string, rounds: number) {
  const started = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  child = started
  const ended = once(started, 'exit').then(() => Promise.reject(new Error('it has ended')))
  ended.catch(() => undefined)
  const usage = openUsage()
  const began = performance.now()
  for (let round = 0; round < rounds; round++) {
    started.stdin.write('go\n')
    await Promise.race([once(started.stdout, 'data'), ended])
    const at = (performance.now() - began) / 1_000
    usage.look(started.pid ?? 0, at)
    usage.weighed(usage.summary()?.rssBytes ?? 0, at)
  }
  return usage
}

test('[SIM1] a process that keeps memory and files is found out, one that gives them back is not', async () => {
  const round = (work: string) =>
    `const { openSync, closeSync } = require('node:fs'); const kept = []
     process.stdin.on('data', () => { ${work}; process.stdout.write('done\\n') })`
  const leaking = await lookedAt(round(`kept.push(Buffer.alloc(4_000_000, 1), openSync('/dev/null'))`), 60)
  expect(leaking.growing()).toEqual([
    expect.stringMatching(/^memory of .* grows by \d+ % an hour$/),
    expect.stringMatching(/^open files of .* grows by \d+ % an hour$/),
  ])
  child?.kill('SIGKILL')
  const again = '(kept[0] ??= Buffer.alloc(4_000_000, 1)).fill(2)'
  const flat = await lookedAt(round(`${again}; closeSync(openSync('/dev/null'))`), 60)
  expect(flat.growing()).toEqual([])
  expect(flat.summary()?.rssBytes).toBeGreaterThan(4_000_000)
})
