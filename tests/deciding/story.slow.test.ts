import { expect, test } from 'vitest'
import { startControlPlane } from '../../simulator/fleet/control-plane.ts'
import { openModelCast } from './model-cast.ts'
import { tellStory } from './story.ts'

test('[POL4] from the alerts to the undone investigations, over ten model devices, with the server killed at every step', async () => {
  const plane = await startControlPlane()
  try {
    await using models = await openModelCast(plane, 10)
    await tellStory(plane, [models])
    expect(models.actors).toHaveLength(10)
  } finally {
    await plane.own.dispose()
  }
})
