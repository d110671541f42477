import type { Compilable, CompiledQuery, Kysely, Transaction } from 'kysely'
import type { Schema } from './schema.ts'
import type { Statements } from './statements.ts'
import type { Store } from './store.ts'

/**
 * INVARIANTS
 * - The text of a prepared statement is made once, from a query with slots where values belong; values reach the database as bound
 *   parameters and in no other way.
 * - Prepared statements run in writes, and for the control plane itself ({@link Prepared.own}): what a scoped reader asks has to pass
 *   through its filter (ACC3), which works on queries.
 * - They do not pass through kysely, which takes longer than most of them: what stands behind a write is known while the write runs,
 *   and a write that has ended runs nothing more.
 * - Many rows share the fate of their write.
 */

/** Stands in a query where a value will be. */
class Slot {
  readonly name: PropertyKey
  constructor(name: PropertyKey) {
    this.name = name
  }
}

/** What stands behind a write, or behind what reads: statements, and the moment at which one may run. */
export interface Behind {
  readonly statements: Statements
  when<T>(step: () => T): T | Promise<T>
}

const behind = new WeakMap<Kysely<Schema>, Behind>()

/** Lets prepared statements of `db` run there, until what is answered is called. */
export function runsOn(db: Kysely<Schema>, there: Behind): () => void {
  behind.set(db, there)
  return () => behind.delete(db)
}

/** The text of a statement, and what belongs into the places of its parameters: values, or slots for them. */
interface Text {
  readonly sql: string
  readonly places: readonly unknown[]
}

/**
 * With the numbers in the text that are the same in every run. A limit that is bound has a part in the plan: SQLite then compiles
 * the statement anew for each run, which takes longer than most runs.
 */
function writtenOut({ sql, parameters }: CompiledQuery): Text {
  const pieces = sql.split('?')
  // A question mark that is no place of a parameter: the text is left as it is.
  if (pieces.length !== parameters.length + 1) return { sql, places: parameters }
  const isFixed = (it: unknown): it is number => typeof it === 'number' && Number.isSafeInteger(it)
  const written = pieces.reduce((before, piece, at) => {
    const parameter = parameters[at - 1]
    return `${before}${isFixed(parameter) ? parameter : '?'}${piece}`
  })
  return { sql: written, places: parameters.filter((it) => !isFixed(it)) }
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
  let text: Text | null = null
  const statementOf = (db: Kysely<Schema>) => {
    // A slot takes the place of a value of its type while the text is made, and never gets further.
    text ??= writtenOut(build(db, (name) => new Slot(name) as never).compile())
    const { sql, places } = text
    const there = behind.get(db)
    if (there === undefined) throw new Error('a prepared statement runs in a write, or for the control plane itself')
    const statement = there.statements.prepare(sql)
    const bound = (input: Input) => places.map((it) => (it instanceof Slot ? input[it.name as keyof Input] : it))
    return { statement, bound, when: there.when }
  }
  const run = async (db: Kysely<Schema>, input: Input): Promise<Row[]> => {
    const { statement, bound, when } = statementOf(db)
    return when(() => statement.rows(bound(input)) as Row[])
  }
  return {
    all: run,
    first: async (transaction, input) => (await run(transaction, input))[0],
    anywhere: run,
    own: async ({ read }, input) => (await run(read, input))[0],
    many: async (transaction, inputs) => {
      const { statement, bound } = statementOf(transaction)
      const found: unknown[] = []
      for (let from = 0; from < inputs.length; from += runsAtOnce) {
        if (from > 0) await new Promise((resolve) => setImmediate(resolve))
        const some = inputs.slice(from, from + runsAtOnce).map(bound)
        if (statement.reader) for (const it of some) found.push(...statement.all(it))
        else for (const it of some) statement.run(it)
      }
      return found as Row[]
    },
  }
}
