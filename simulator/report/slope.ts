/** One measurement of something that should not grow. */
export interface Sample {
  /** Seconds since the beginning. */
  readonly at: number
  readonly value: number
}

/** How much it grows in an hour by the line of least squares, as a share of its mean; null when there is too little to say. */
export function growthPerHour(samples: readonly Sample[]): number | null {
  if (samples.length < 4) return null
  const mean = (of: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const [at, value] = [mean((sample) => sample.at), mean((sample) => sample.value)]
  const spread = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0)
  if (spread === 0 || value === 0) return null
  const slope = samples.reduce((sum, sample) => sum + (sample.at - at) * (sample.value - value), 0) / spread
  return (slope * 3_600) / value
}
