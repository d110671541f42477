import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { memoryFolder } from './tests/kit/memory-folder.ts'

const ignored = ['**/node_modules/**', '**/dist/**', '**/.recourse/**']
const inMemory = { env: { TMPDIR: memoryFolder() }, globalSetup: ['tests/kit/memory-folder.ts'] }
// A server that is started for the twentieth time need not be compiled again.
const compiledOnce = { env: { ...inMemory.env, NODE_COMPILE_CACHE: join(memoryFolder(), 'recourse-compiled') } }
// Time limits only end what hangs: on a machine that does other things too, a test of a tenth of a second has taken twenty.
const minutes = (count: number) => count * 60_000
const patient = { expect: { poll: { timeout: minutes(2) } } }

/** One project for each way of running tests; the ending of a file's name says which it belongs to. */
export default defineConfig({
  test: {
    // Tests wait for disks and sockets more than they compute: no core is kept back for anything else.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'rules',
          include: ['tests/rules/**/*.test.ts'],
          exclude: [...ignored, '**/*.slow.test.ts'],
          testTimeout: minutes(2),
          ...patient,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...ignored, 'tests/rules/**', '**/*.slow.test.ts', '**/*.device.test.ts', '**/*.browser.test.ts'],
          // Nothing here changes what its modules hold, so they are loaded once for many files.
          isolate: false,
          testTimeout: minutes(2),
          hookTimeout: minutes(2),
          ...inMemory,
          ...patient,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'slow',
          include: ['**/*.slow.test.ts'],
          exclude: ignored,
          maxConcurrency: 3,
          testTimeout: minutes(15),
          hookTimeout: minutes(5),
          ...inMemory,
          ...compiledOnce,
          ...patient,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Two at a time: each device keeps its disk in memory.
        test: {
          name: 'device',
          include: ['**/*.device.test.ts'],
          exclude: ignored,
          globalSetup: ['tests/device/require-lane.ts'],
          testTimeout: minutes(30),
          hookTimeout: minutes(10),
          maxWorkers: 2,
          ...patient,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // One at a time: each has a browser and a whole control plane of its own, and both take what this machine has.
        test: {
          name: 'browser',
          include: ['**/*.browser.test.ts'],
          exclude: ignored,
          setupFiles: ['tests/dashboard/close-browsers.ts'],
          // Nothing here changes what its modules hold, so they are loaded once for all files.
          isolate: false,
          testTimeout: minutes(5),
          hookTimeout: minutes(5),
          fileParallelism: false,
          ...patient,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
