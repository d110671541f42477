import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLanes } from './lanes.ts'

const gate = () => Promise.withResolvers<void>()
const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

describe('[JRN5] lanes', () => {
  test('one key runs one at a time in order of arrival, different keys side by side up to the bound', async () => {
    const lanes = createLanes(2)
    const log: string[] = []
    const doors = [gate(), gate(), gate(), gate()]
    const job = (name: string, at: number) => async () => {
      log.push(`${name} starts`)
      await doors[at]?.promise
      log.push(`${name} ends`)
    }
    const all = [
      lanes.run('a', job('a1', 0)),
      lanes.run('a', job('a2', 1)),
      lanes.run('b', job('b1', 2)),
      lanes.run('c', job('c1', 3)),
    ]
    await turns()
    expect(log).toEqual(['a1 starts', 'b1 starts'])
    doors[2]?.resolve()
    await turns()
    expect(log.at(-1)).toBe('c1 starts')
    doors[0]?.resolve()
    await turns()
    expect(log.slice(-2)).toEqual(['a1 ends', 'a2 starts'])
    doors[1]?.resolve()
    doors[3]?.resolve()
    await Promise.all(all)
    await lanes.idle()
    expect(lanes.busy()).toBe(false)
  })

  test('a failed job gives its place and its resources back', async () => {
    const lanes = createLanes(1)
    const first = lanes.run('a', async (grip) => {
      await grip.hold(['x'])
      throw new Error('broken')
    })
    const second = lanes.run('a', async (grip) => await grip.hold(['x']))
    await expect(first).rejects.toThrow('broken')
    expect(await second).toBe(false)
  })

  test('who had to wait for a resource is told so; the earlier arrival gets it first', async () => {
    const lanes = createLanes(4)
    const door = gate()
    const order: string[] = []
    const holder = lanes.run('a', async (grip) => {
      await grip.hold(['x', 'y'])
      await door.promise
    })
    const waiter = (key: string, resources: string[]) =>
      lanes.run(key, async (grip) => {
        const waited = await grip.hold(resources)
        order.push(key)
        return waited
      })
    const waits = [waiter('b', ['y', 'z']), waiter('c', ['z']), waiter('d', ['w'])]
    await turns()
    expect(order).toEqual(['d'])
    door.resolve()
    await holder
    expect(await Promise.all(waits)).toEqual([true, true, false])
    expect(order).toEqual(['d', 'b', 'c'])
  })

  test('who arrived earlier gets a resource earlier, also when it asked later', async () => {
    const lanes = createLanes(4)
    const [door, thinking] = [gate(), gate()]
    const order: string[] = []
    const holder = lanes.run('a', async (grip) => {
      await grip.hold(['x'])
      await door.promise
    })
    const waits = [
      lanes.run('b', async (grip) => {
        await thinking.promise
        await grip.hold(['x'])
        order.push('b')
      }),
      lanes.run('c', async (grip) => {
        await grip.hold(['x'])
        order.push('c')
      }),
    ]
    await turns()
    thinking.resolve()
    await turns()
    door.resolve()
    await Promise.all([holder, ...waits])
    expect(order).toEqual(['b', 'c'])
  })

  test('after closing nothing starts, and what runs is waited for', async () => {
    const lanes = createLanes(1)
    const door = gate()
    let ended = false
    const running = lanes.run('a', async () => {
      await door.promise
      ended = true
    })
    const never = lanes.run('b', async () => 'ran')
    await turns()
    const closing = lanes.close()
    await expect(never).rejects.toMatchObject({ code: 'starting' })
    await expect(lanes.run('c', async () => 'ran')).rejects.toMatchObject({ code: 'starting' })
    door.resolve()
    await closing
    await running
    expect(ended).toBe(true)
  })

  test('whatever wants what: all end, no resource is held twice, keys keep their order', async () => {
    const work = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      holds: fc.array(fc.subarray(['x', 'y', 'z'], { minLength: 1 }), { maxLength: 2 }),
      turns: fc.nat({ max: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(work, { maxLength: 20 }), fc.integer({ min: 1, max: 4 }), async (jobs, most) => {
        const lanes = createLanes(most)
        const held = new Map<string, number>()
        const ended: { key: string; at: number }[] = []
        let running = 0
        await Promise.all(
          jobs.map(({ key, holds, turns: pause }, at) =>
            lanes.run(key, async (grip) => {
              expect(++running).toBeLessThanOrEqual(most)
              let mine: string[] = []
              for (const wanted of holds) {
                // Letting go happens inside of hold, before it waits.
                for (const resource of mine) held.delete(resource)
                await grip.hold(wanted)
                mine = wanted
                for (const resource of wanted) {
                  expect(held.get(resource)).toBeUndefined()
                  held.set(resource, at)
                }
                for (let turn = 0; turn < pause; turn++) await Promise.resolve()
              }
              for (const resource of mine) held.delete(resource)
              running--
              ended.push({ key, at })
            }),
          ),
        )
        expect(ended).toHaveLength(jobs.length)
        for (const key of ['a', 'b', 'c']) {
          const order = ended.filter((it) => it.key === key).map(({ at }) => at)
          expect(order).toEqual(order.toSorted((a, b) => a - b))
        }
      }),
      { numRuns: 300 },
    )
  })
})
