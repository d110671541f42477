/** One thing that is measured beside its floor: the barest code that does the same work, in the same run. */
export interface BenchRow {
  readonly name: string
  /** Of value and floor: `MiB/s`, `files/s`, `commits/s`, `ms`. */
  readonly unit: string
  /** `more`: a rate, the ratio should reach the goal. `less`: a time, the ratio should stay below it. */
  readonly better: 'more' | 'less'
  /** Value divided by floor. */
  readonly goal: number
  measure(say: (progress: string) => void): Promise<Measured>
}

export interface Measured {
  readonly value: number
  readonly floor: number
  /** Median of the ratios of the rounds; not the ratio of the medians, because a machine drifts. */
  readonly ratio: number
}

/** One row as `--json` prints it. */
export interface BenchResult extends Measured {
  readonly name: string
  readonly unit: string
  readonly goal: number
  /** Never true for a row that is not proven. */
  readonly pass: boolean
  /** False when the machine was too busy around it for the ratio to mean anything. */
  readonly proven: boolean
}

export const median = (numbers: readonly number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  if (upper === undefined) throw new Error('a median of nothing')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** The value at a share of the sorted numbers, from 0 to 1: 0.5 the median, 0.99 the one that 1 % exceed. */
export const percentile = (numbers: readonly number[], share: number): number =>
  numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ?? 0

/** Measures floor and value in turn, so that both meet the same machine. Both answer a number in the unit of the row. */
export async function inTurn(
  rounds: number,
  floor: (round: number) => Promise<number> | number,
  value: (round: number) => Promise<number> | number,
  say: (progress: string) => void,
): Promise<Measured> {
  const floors: number[] = []
  const values: number[] = []
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`)
    floors.push(await floor(round))
    values.push(await value(round))
  }
  const ratios = values.map((it, round) => it / (floors[round] ?? Number.NaN))
  return { value: median(values), floor: median(floors), ratio: median(ratios) }
}

export const resultOf = ({ name, unit, goal, better }: BenchRow, measured: Measured, proven: boolean): BenchResult => ({
  name,
  value: measured.value,
  unit,
  floor: measured.floor,
  ratio: measured.ratio,
  goal,
  pass: proven && (better === 'more' ? measured.ratio >= goal : measured.ratio <= goal),
  proven,
})
