import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Candidate, TextIndex } from './text-index.ts'

/**
 * The text index over FTS5 with the trigram tokenizer.
 *
 * INVARIANTS
 * - The number of a row in the index is the moment of its batch, shifted, and a count: numbers run as time does, so that the index is
 *   read newest first without sorting.
 * - Triggers keep the lists in step with the batches, so that no code that writes or prunes one can forget it.
 * - Nothing that somebody typed is read as a query: a text is taken apart into its trigrams, each quoted.
 */

/** Room for so many batches of one millisecond. */
const shift = 20

export async function createTextIndex(db: Kysely<unknown>): Promise<void> {
  const statements = [
    'create table text_row (number integer not null primary key, id text not null unique)',
    `create virtual table text_index using fts5(text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram')`,
    'insert into text_waiting (id, created_at) select id, created_at from batch',
    `create trigger text_of_new_batch after insert on batch begin
       insert into text_waiting (id, created_at) values (new.id, new.created_at);
     end`,
    `create trigger text_of_gone_batch after delete on batch begin
       delete from text_waiting where id = old.id;
       delete from text_index where rowid = (select number from text_row where id = old.id);
       delete from text_row where id = old.id;
     end`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export const sqliteTextIndex: TextIndex = {
  candidates: async (read, text, until, limit) => {
    const waiting = await read
      .selectFrom('text_waiting')
      .select(['id', 'created_at'])
      .where('created_at', '<=', until)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    const { rows } = await sql<Candidate>`
      select text_row.id, text_index.rowid >> ${sql.lit(shift)} as created_at
      from text_index cross join text_row on text_row.number = text_index.rowid
      where text_index match ${trigramsOf(text)} and text_index.rowid < ((${until} + 1) << ${sql.lit(shift)})
      order by text_index.rowid desc limit ${limit}`.execute(read)
    return [...waiting, ...rows].sort((a, b) => b.created_at - a.created_at).slice(0, limit)
  },

  indexSome: async (transaction, most) => {
    const some = sql`(select id, created_at from text_waiting order by created_at, id limit ${most})`
    const of = (at: RawBuilder<unknown>) => sql`${at} << ${sql.lit(shift)}`
    await sql`
      insert into text_row (number, id)
      select row_number() over (partition by created_at order by id) - 1 + coalesce(
        (select max(number) + 1 from text_row
         where number >= ${of(sql`some.created_at`)} and number < ${of(sql`(some.created_at + 1)`)}),
        ${of(sql`some.created_at`)}), id
      from ${some} as some`.execute(transaction)
    await sql`
      insert into text_index (rowid, text)
      select text_row.number, batch.comment || char(10) || coalesce(
        (select group_concat(target_label, char(10))
         from (select distinct target_label from action where action.batch_id = batch.id)), '')
      from ${some} as some cross join text_row on text_row.id = some.id cross join batch on batch.id = some.id`.execute(
      transaction,
    )
    const { numAffectedRows } = await sql`
      delete from text_waiting where id in (select id from ${some})`.execute(transaction)
    return Number(numAffectedRows ?? 0)
  },
}

/** More would only cost: each one narrows, and the rows found are looked at anyway. */
const mostTrigrams = 16

/** A query that every text with this one in it matches; the text has at least three characters. */
export function trigramsOf(text: string): string {
  const letters = Array.from(text.toWellFormed().toLowerCase())
  const all = letters.slice(2).map((_, at) => letters.slice(at, at + 3).join(''))
  const apart = Math.max(1, Math.ceil(all.length / mostTrigrams))
  return [...new Set(all.filter((_, at) => at % apart === 0 || at === all.length - 1))]
    .map((one) => `"${one.replaceAll('"', '""')}"`)
    .join(' AND ')
}
