import { expect, test } from 'vitest'
import { sumsOf } from './matrix.ts'
import { runMatrix } from './run-matrix.ts'
import { sceneKinds } from './scenes.ts'

test('[JRN2] [JRN3] [UND4] an agent killed at every commit and every effect of every action and its undo loses nothing, leaves nothing between, does nothing twice', async () => {
  const results = await runMatrix({ only: '', stride: 1, seen: () => {} })
  expect(results.filter(({ faults }) => faults.length > 0)).toEqual([])
  expect(sumsOf(results)).toMatchObject({ lost: 0, between: 0, doubled: 0 })
  // The matrix must not shrink unseen: every scene and direction, and more than a handful of steps in each.
  for (const { name, undoable } of sceneKinds) {
    for (const kind of undoable ? ['do', 'undo'] : ['do']) {
      expect(results.filter((it) => it.scene === name && it.kind === kind).length, `${name}, ${kind}`).toBeGreaterThan(
        8,
      )
    }
  }
})
