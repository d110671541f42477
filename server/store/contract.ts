import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OperatorId } from '../../protocol/ids.ts'
import type { Store } from './store.ts'

/** A dialect under test: opens its store, again and again over the same place. */
export interface StorePlace {
  open(): Promise<Store>
  /** Removes everything. */
  clear(): Promise<void>
}

/** What every dialect must keep; run it for each of them. Written without the words of any. */
export function storeContract(name: string, newPlace: () => StorePlace): void {
  describe(`store over ${name}`, () => {
    let place: StorePlace
    let store: Store
    beforeEach(async () => {
      place = newPlace()
      store = await place.open()
    })
    afterEach(async () => {
      await store.close()
      await place.clear()
    })

    const put = (key: string, value: string) =>
      store.write((transaction) =>
        transaction
          .insertInto('setting')
          .values({ name: key, value })
          .onConflict((it) => it.column('name').doUpdateSet({ value }))
          .execute(),
      )
    const get = async (key: string) =>
      (await store.read.selectFrom('setting').select('value').where('name', '=', key).executeTakeFirst())?.value

    test('what was written is read, also after opening again', async () => {
      await put('a', 'one')
      expect(await get('a')).toBe('one')
      await store.close()
      store = await place.open()
      expect(await get('a')).toBe('one')
    })

    test('a write that throws is taken back wholly and alone, though its neighbours share the commit', async () => {
      const before = put('before', 'kept')
      const broken = store.write(async (transaction) => {
        await transaction.insertInto('setting').values({ name: 'half', value: 'x' }).execute()
        throw new Error('changed my mind')
      })
      const after = put('after', 'kept')
      await expect(broken).rejects.toThrow('changed my mind')
      await Promise.all([before, after])
      expect([await get('before'), await get('half'), await get('after')]).toEqual(['kept', undefined, 'kept'])
    })

    test('whichever of the writes that share a commit throw, these are taken back, and no others', async () => {
      const count = 4
      for (let which = 0; which < 2 ** count; which++) {
        const throws = (at: number) => (which & (1 << at)) !== 0
        const name = (at: number) => `${which}-${at}`
        const all = Array.from({ length: count }, (_, at) =>
          store.write(async (transaction) => {
            await transaction
              .insertInto('setting')
              .values({ name: name(at), value: '' })
              .execute()
            if (throws(at)) throw new Error(name(at))
          }),
        )
        const ended = await Promise.allSettled(all)
        expect(ended.map(({ status }) => status === 'rejected')).toEqual(ended.map((_, at) => throws(at)))
        const there = await Promise.all(ended.map(async (_, at) => (await get(name(at))) !== undefined))
        expect(there, `which: ${which.toString(2)}`).toEqual(ended.map((_, at) => !throws(at)))
      }
    })

    test('writes run in the order they were asked for and see one another', async () => {
      const seen = await Promise.all(
        Array.from({ length: 300 }, () =>
          store.write(async (transaction) => {
            const row = await transaction
              .selectFrom('setting')
              .select('value')
              .where('name', '=', 'n')
              .executeTakeFirst()
            const next = Number(row?.value ?? 0) + 1
            await transaction
              .insertInto('setting')
              .values({ name: 'n', value: String(next) })
              .onConflict((it) => it.column('name').doUpdateSet({ value: String(next) }))
              .execute()
            return next
          }),
        ),
      )
      expect(seen).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
    })

    test('readers never see half a write', async () => {
      const move = store.write(async (transaction) => {
        await transaction.insertInto('setting').values({ name: 'left', value: '1' }).execute()
        expect(await get('left')).toBeUndefined()
        await transaction.insertInto('setting').values({ name: 'right', value: '1' }).execute()
      })
      await move
      expect(await store.read.selectFrom('setting').selectAll().execute()).toHaveLength(2)
    })

    test('readers cannot write', async () => {
      await expect(store.read.insertInto('setting').values({ name: 'x', value: 'y' }).execute()).rejects.toThrow()
    })

    test('a write that waits for a write inside itself is refused instead of standing still', async () => {
      await expect(store.write(() => put('inner', 'x'))).rejects.toThrow('inside')
    })

    test('a write begun in the wake of another one, but not inside it, is fine', async () => {
      let later: Promise<unknown> = Promise.resolve()
      await store.write(async () => {
        later = new Promise((resolve) => setImmediate(resolve)).then(() => put('later', 'x'))
      })
      await later
      expect(await get('later')).toBe('x')
    })

    test('a row whose owner does not exist is refused', async () => {
      const orphan = store.write((transaction) =>
        transaction
          .insertInto('session')
          .values({
            secret_hash: 'h',
            operator_id: '019a0000-0000-7000-8000-000000000000' as OperatorId,
            created_at: 1,
            expires_at: 2,
            last_used_at: 1,
            client: '',
          })
          .execute(),
      )
      await expect(orphan).rejects.toThrow()
      expect(await store.read.selectFrom('session').selectAll().execute()).toEqual([])
    })

    test('bytes, odd text and large numbers come back as they went in', async () => {
      const body = Uint8Array.from({ length: 512 }, (_, at) => at % 256)
      const at = 8_640_000_000_000_000
      await store.write(async (transaction) => {
        await transaction
          .insertInto('checkpoint')
          .values({
            sequence: Number.MAX_SAFE_INTEGER,
            hash: 'ā\u0001\n\'"; drop table setting',
            at,
            key_id: '',
            signature: body,
          })
          .execute()
      })
      const row = await store.read.selectFrom('checkpoint').selectAll().executeTakeFirstOrThrow()
      expect(Uint8Array.from(row.signature)).toEqual(body)
      expect([row.sequence, row.at, row.hash]).toEqual([
        Number.MAX_SAFE_INTEGER,
        at,
        'ā\u0001\n\'"; drop table setting',
      ])
    })

    test('a closed store refuses writes and has finished those it took', async () => {
      const last = put('last', 'x')
      await store.close()
      await last
      await expect(put('late', 'x')).rejects.toThrow('closed')
      store = await place.open()
      expect([await get('last'), await get('late')]).toEqual(['x', undefined])
    })
  })
}
