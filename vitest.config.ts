import { defineConfig } from 'vitest/config'

const ignored = ['**/node_modules/**', '**/dist/**', '**/.recourse/**']

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
          testTimeout: 60_000,
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
          // Only to end what hangs: on a machine that does other things too, a test of a tenth of a second has taken twenty.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'slow',
          include: ['**/*.slow.test.ts'],
          exclude: ignored,
          maxConcurrency: 3,
          testTimeout: 300_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // One at a time: devices share this machine's memory and kernel, and their tests watch what happens when.
        test: {
          name: 'device',
          include: ['**/*.device.test.ts'],
          exclude: ignored,
          globalSetup: ['tests/device/require-lane.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // One at a time: each has a browser and a whole control plane of its own.
        test: {
          name: 'browser',
          include: ['**/*.browser.test.ts'],
          exclude: ignored,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
