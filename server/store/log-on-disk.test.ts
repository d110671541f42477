import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Disk, keepOnDisk } from './log-on-disk.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-log-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A disk that takes as long as it is told, and in a thread only when it is let. */
const slowDisk = () => {
  const held: ((failure?: Error) => void)[] = []
  const disk: Disk & { tookMs: number; inPlace: number } = {
    tookMs: 0,
    inPlace: 0,
    bring: () =>
      new Promise<void>((resolve, reject) => {
        held.push((failure) => (failure === undefined ? resolve() : reject(failure)))
      }),
    bringNow: () => {
      disk.inPlace++
      return disk.tookMs
    },
  }
  const begun = async () => {
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  /** Waits for a commit on its way, and lets the disk take it or fail. */
  const end = async (failure?: Error) => {
    await begun()
    held.shift()?.(failure)
  }
  return { disk, begun, end, onTheirWay: () => held.length }
}

describe('where a commit is waited for', () => {
  const rows = (changed: number) => async () => changed
  const log = (disk: Disk) => {
    const path = join(folder, 'log')
    writeFileSync(path, '')
    return keepOnDisk(path, () => undefined, disk)
  }

  test('a quick disk is waited for in place, also when one commit among others took long', async () => {
    const { disk, onTheirWay } = slowDisk()
    const kept = log(disk)
    for (let commit = 0; commit < 200; commit++) {
      disk.tookMs = commit % 3 === 0 ? 40 : 0.2
      await kept.take(rows(3))
    }
    expect(onTheirWay()).toBe(0)
    expect(disk.inPlace).toBe(200)
    kept.close()
  })

  test('a slow one is left to a thread, and tried again now and then until it is quick', async () => {
    const { disk, end } = slowDisk()
    const kept = log(disk)
    const commit = async () => {
      const before = disk.inPlace
      const taken = kept.take(rows(3))
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
      if (disk.inPlace === before) await end()
      await taken
    }
    disk.tookMs = 5
    for (let at = 0; at < 2 + 10 * 64; at++) await commit()
    expect(disk.inPlace).toBe(2 + 10)
    disk.tookMs = 0.2
    for (let at = 0; at < 64 + 100; at++) await commit()
    expect(disk.inPlace).toBe(2 + 10 + 1 + 100)
    kept.close()
  })

  test('how long a large commit takes says nothing of the disk', async () => {
    const { disk, onTheirWay } = slowDisk()
    const kept = log(disk)
    disk.tookMs = 40
    for (let commit = 0; commit < 5; commit++) await kept.take(rows(5_000))
    expect(onTheirWay()).toBe(0)
    expect(disk.inPlace).toBe(5)
    kept.close()
  })
})

describe('while the disk has not taken a commit', () => {
  const names = async (store: Store) =>
    (await store.read.selectFrom('setting').select('name').where('name', 'like', 'n%').execute()).map((it) => it.name)
  const put = (store: Store, name: string, work?: () => void) =>
    store.write(async (transaction) => {
      await transaction.insertInto('setting').values({ name, value: '' }).execute()
      work?.()
    })
  /** A store over a disk that has been found to be slow: each commit waits for a thread. */
  const openSlow = async () => {
    const slow = slowDisk()
    slow.disk.tookMs = 5
    const failures: string[] = []
    const store = await openSqlite({ folder, disk: slow.disk, failed: ({ message }) => failures.push(message) })
    for (const name of ['a', 'b']) await put(store, name)
    return { store, failures, ...slow }
  }
  const soon = async (promise: Promise<unknown>): Promise<boolean> => {
    let settled = false
    const note = () => {
      settled = true
    }
    promise.then(note, note)
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    return settled
  }

  test('nobody is promised it and no reader sees it, and those who come meanwhile share the next one', async () => {
    const { store, begun, end, onTheirWay } = await openSlow()
    const first = put(store, 'n1')
    await begun()
    const seen = names(store)
    let ran = 0
    const others = ['n2', 'n3', 'n4'].map((name) => put(store, name, () => ran++))
    expect(await soon(Promise.race([first, seen, ...others]))).toBe(false)
    expect(ran).toBe(0)
    await end()
    await first
    expect(await seen).toEqual(['n1'])
    await begun()
    expect(await soon(Promise.race(others))).toBe(false)
    expect([ran, onTheirWay()]).toEqual([3, 1])
    await end()
    await Promise.all(others)
    expect(await names(store)).toEqual(['n1', 'n2', 'n3', 'n4'])
    await store.close()
  })

  test('nor while it commits: a reader that comes right behind it waits, too', async () => {
    const { disk } = slowDisk()
    disk.tookMs = 0.2
    const path = join(folder, 'log')
    writeFileSync(path, '')
    const kept = keepOnDisk(path, () => undefined, disk)
    const reads: Promise<number>[] = []
    await kept.take(async () => {
      reads.push(kept.whenTaken(() => disk.inPlace))
      await Promise.resolve()
      return 3
    })
    expect(await Promise.all(reads)).toEqual([1])
    kept.close()
  })

  test('closing waits for it', async () => {
    const { store, begun, end } = await openSlow()
    const written = put(store, 'n1')
    await begun()
    const closed = store.close()
    expect(await soon(closed)).toBe(false)
    expect(existsSync(join(folder, 'recourse.db-wal'))).toBe(true)
    await end()
    await Promise.all([written, closed])
    expect(existsSync(join(folder, 'recourse.db-wal'))).toBe(false)
  })

  test('a disk that fails ends it: what waited fails, nothing is written or read any more, and a new start finds a whole database', async () => {
    const { store, failures, begun, end } = await openSlow()
    const first = put(store, 'n1')
    await begun()
    const seen = names(store)
    const second = put(store, 'n2')
    const ended = Promise.allSettled([first, seen, second])
    await end(new Error('EIO'))
    const wrong = 'the disk did not take a commit'
    for (const it of await ended)
      expect(it).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining(wrong) } })
    await expect(put(store, 'n3')).rejects.toThrow(wrong)
    await expect(names(store)).rejects.toThrow(wrong)
    expect(failures).toEqual([expect.stringContaining(wrong)])
    await store.close()
    const again = await openSqlite({ folder })
    // The machine did not crash here, so the system still has what it was given: the first commit, and nothing of the other.
    expect(await names(again)).toEqual(['n1'])
    await again.close()
  })
})
