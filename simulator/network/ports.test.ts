import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { leasePorts } from './ports.ts'

const from = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at)

/** What another process is given, which lives on with it until it is killed. */
async function elsewhere(count: number): Promise<{ ports: number[]; end: () => Promise<void> }> {
  const program = `import { leasePorts } from ${JSON.stringify(join(import.meta.dirname, 'ports.ts'))}
    console.log(await leasePorts(${count})); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  const ended = once(child, 'exit')
  return {
    ports: from(Number(String(said)), count),
    end: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

test('no port is given twice, to one process or to several', async () => {
  const others = await Promise.all([elsewhere(4), elsewhere(19), elsewhere(20)])
  const ours = [from(await leasePorts(4), 4), from(await leasePorts(4), 4), from(await leasePorts(18), 18)].flat()
  const all = [...ours, ...others.flatMap(({ ports }) => ports)]
  for (const { end } of others) await end()
  expect(all).toHaveLength(4 + 19 + 20 + 26)
  expect(new Set(all).size).toBe(all.length)
})
