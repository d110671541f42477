import type { Compilable, CompiledQuery, Kysely, QueryResult, Transaction } from 'kysely'
import type { Schema } from './schema.ts'
import type { Store } from './store.ts'

/**
 * INVARIANTS
 * - The text of a prepared statement is made once, from a query with slots where values belong; values reach the database as bound
 *   parameters and in no other way.
 * - Prepared statements run in writes, and for the control plane itself ({@link Prepared.own}): what a scoped reader asks has to pass
 *   through its filter (ACC3), which works on queries.
 * - Many rows are one call: nothing else comes between them, and they share the fate of their write.
 */

/** Stands in a query where a value will be. */
class Slot {
  readonly name: PropertyKey
  constructor(name: PropertyKey) {
    this.name = name
  }
}

/** Parameters of many runs of one statement, as they reach the database: the one parameter of its call. */
export class ManyRuns {
  readonly runs: readonly (readonly unknown[])[]
  constructor(runs: readonly (readonly unknown[])[]) {
    this.runs = runs
  }
}

/**
 * With the numbers in the text that are the same in every run. A limit that is bound has a part in the plan: SQLite then compiles
 * the statement anew for each run, which takes longer than most runs.
 */
function writtenOut<Row>(query: CompiledQuery<Row>): {
  readonly query: CompiledQuery<Row>
  readonly parameters: readonly unknown[]
} {
  const pieces = query.sql.split('?')
  // A question mark that is no place of a parameter: the text is left as it is.
  if (pieces.length !== query.parameters.length + 1) return { query, parameters: query.parameters }
  const isFixed = (it: unknown): it is number => typeof it === 'number' && Number.isSafeInteger(it)
  const sql = pieces.reduce((before, piece, at) => {
    const parameter = query.parameters[at - 1]
    return `${before}${isFixed(parameter) ? parameter : '?'}${piece}`
  })
  return { query: { ...query, sql }, parameters: query.parameters.filter((it) => !isFixed(it)) }
}

/** A statement that is run often, on one input or on many. */
export interface Prepared<Input, Row> {
  /** Rows of one run. */
  all(transaction: Transaction<Schema>, input: Input): Promise<Row[]>
  first(transaction: Transaction<Schema>, input: Input): Promise<Row | undefined>
  /** In a write or outside of one, for what no reader's filter concerns: settings, people and what they may do. */
  anywhere(db: Kysely<Schema>, input: Input): Promise<Row[]>
  /** The first row, outside of a write, of what nobody asked for: never for a person's request. */
  own(store: Pick<Store, 'read'>, input: Input): Promise<Row | undefined>
  /** Rows of all runs, one after the other. */
  many(transaction: Transaction<Schema>, inputs: readonly Input[]): Promise<Row[]>
}

/** So many runs go by before whatever else waits in this process has its turn; the write goes on afterwards. */
const runsAtOnce = 256

/**
 * Prepares a statement: `slot('x')` stands for the value of `x` in the input.
 *
 *     const byName = prepare<{ name: string }, Row>((db, slot) => db.selectFrom('setting').selectAll().where('name', '=', slot('name')))
 */
export function prepare<Input extends object, Row = never>(
  build: (db: Kysely<Schema>, slot: <Name extends keyof Input>(name: Name) => Input[Name]) => Compilable<Row>,
): Prepared<Input, Row> {
  let text: { readonly query: CompiledQuery<Row>; readonly parameters: readonly unknown[] } | null = null
  const made = (db: Kysely<Schema>) => {
    if (text === null) {
      // A slot takes the place of a value of its type while the text is made, and never gets further.
      text = writtenOut(build(db, (name) => new Slot(name) as never).compile())
    }
    return text
  }
  const bound = (parameters: readonly unknown[], input: Input) =>
    parameters.map((it) => (it instanceof Slot ? input[it.name as keyof Input] : it))
  const run = async (transaction: Kysely<Schema>, parameters: readonly unknown[]): Promise<Row[]> => {
    const { query } = made(transaction)
    const result: QueryResult<Row> = await transaction.executeQuery({ ...query, parameters })
    return result.rows
  }
  return {
    all: (transaction, input) => run(transaction, bound(made(transaction).parameters, input)),
    first: async (transaction, input) => (await run(transaction, bound(made(transaction).parameters, input)))[0],
    anywhere: (db, input) => run(db, bound(made(db).parameters, input)),
    own: async ({ read }, input) => (await run(read, bound(made(read).parameters, input)))[0],
    many: async (transaction, inputs) => {
      const { parameters } = made(transaction)
      const found: Row[] = []
      for (let from = 0; from < inputs.length; from += runsAtOnce) {
        if (from > 0) await new Promise((resolve) => setImmediate(resolve))
        const some = inputs.slice(from, from + runsAtOnce).map((input) => bound(parameters, input))
        for (const row of await run(transaction, [new ManyRuns(some)])) found.push(row)
      }
      return found
    },
  }
}
