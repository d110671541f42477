import type { ActionName } from '../../protocol/actions/index.ts'

/** One kill: where it hit, and what was wrong afterwards. */
export interface CaseResult {
  readonly scene: string
  readonly action: ActionName
  readonly kind: 'do' | 'undo'
  readonly event: number
  /** `before intended`, `after directory.move` … */
  readonly at: string
  /** How the order ended after the restart. */
  readonly status: string
  readonly faults: readonly Fault[]
}

/**
 * lost: something of before cannot be had back, or no outcome is known. between: the device is neither as before nor as after.
 * doubled: one order ended twice, or has two effects.
 */
export interface Fault {
  readonly kind: 'lost' | 'between' | 'doubled'
  readonly what: string
}

export interface MatrixSums {
  readonly cases: number
  readonly lost: number
  readonly between: number
  readonly doubled: number
  /** Cases that ended as after, and as before. */
  readonly applied: number
  readonly restored: number
}

export function sumsOf(results: readonly CaseResult[]): MatrixSums {
  const count = (kind: Fault['kind']) =>
    results.filter(({ faults }) => faults.some((fault) => fault.kind === kind)).length
  const applied = results.filter(({ status }) => status === 'succeeded').length
  return {
    cases: results.length,
    lost: count('lost'),
    between: count('between'),
    doubled: count('doubled'),
    applied,
    restored: results.length - applied,
  }
}

/** One line for each scene and direction, one sign for each step: `·` ended as it should, `L`, `B`, `D` what was wrong. */
export function matrixText(results: readonly CaseResult[]): string {
  const rows = Map.groupBy(results, ({ scene, kind }) => `${scene}, ${kind}`)
  const width = Math.max(...[...rows.keys()].map((name) => name.length))
  return [...rows]
    .map(([name, cases]) => `${name.padEnd(width)}  ${cases.map(signOf).join('')}  ${cases.length}`)
    .join('\n')
}

const signs = { lost: 'L', between: 'B', doubled: 'D' } as const
const signOf = ({ faults }: CaseResult): string => (faults[0] === undefined ? '·' : signs[faults[0].kind])
