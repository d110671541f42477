import { readdirSync, readFileSync } from 'node:fs'
import { growthPerHour, type Sample } from './slope.ts'

/** What a process uses, looked at again and again, and whether that grows without end. */
export interface Usage {
  /**
   * @param at seconds since the beginning
   * @param absent devices that are away just now: their files are counted as if they were there, so that weather is no slope
   */
  look(pid: number, at: number, absent?: number): void
  /** What it weighs without its garbage, seldom looked at: what is judged by its slope. */
  weighed(bytes: number, at: number): void
  /** Null before the first look. */
  summary(): UsageSummary | null
  /** What grows, in sentences; nothing where all is flat. */
  growing(): string[]
}

export interface UsageSummary {
  readonly rssBytes: number
  readonly rssPeakBytes: number
  /** At the last weighing without garbage; null when it was never weighed. */
  readonly heldBytes: number | null
  /** All weighings without garbage. */
  readonly held: readonly Sample[]
  readonly openFiles: number
  /** Shares in an hour. */
  readonly heldGrowthPerHour: number | null
  readonly openFilesGrowthPerHour: number | null
}

/** A leak grows by more than a quarter in an hour, and by more than noise over the time that was looked at. */
const mostPerHour = 0.25
const noise = 0.05

export function openUsage(): Usage {
  const rss: Sample[] = []
  const held: Sample[] = []
  const files: Sample[] = []
  // The first third is warming up.
  const settled = (samples: readonly Sample[]) => samples.slice(Math.floor(samples.length / 3))
  const grows = (what: string, samples: readonly Sample[]): string[] => {
    const perHour = growthPerHour(samples)
    if (perHour === null) return []
    const hours = ((samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0)) / 3_600
    if (perHour <= mostPerHour || perHour * hours <= noise) return []
    return [`${what} of the control plane grows by ${Math.round(perHour * 100)} % an hour`]
  }
  return {
    look(pid, at, absent = 0) {
      const bytes = rssOf(pid)
      if (bytes === 0) return
      rss.push({ at, value: bytes })
      files.push({ at, value: openFiles(pid) + absent })
    },
    weighed: (bytes, at) => void held.push({ at, value: bytes }),
    summary: () =>
      rss.length === 0
        ? null
        : {
            rssBytes: rss.at(-1)?.value ?? 0,
            rssPeakBytes: Math.max(...rss.map(({ value }) => value)),
            heldBytes: held.at(-1)?.value ?? null,
            held,
            openFiles: files.at(-1)?.value ?? 0,
            heldGrowthPerHour: growthPerHour(settled(held)),
            openFilesGrowthPerHour: growthPerHour(settled(files)),
          },
    growing: () => [...grows('memory', settled(held)), ...grows('open files', settled(files))],
  }
}

const pageBytes = 4_096

function rssOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1] ?? 0) * pageBytes
  } catch {
    return 0
  }
}

const msPerTick = 10

/** Processor time of a process and all its threads since its beginning, milliseconds; null when it is gone. */
export function cpuMsOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Its name stands in parentheses and may hold anything; the 14th and 15th field are counted from behind it.
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number)
    return user === undefined || system === undefined ? null : (user + system) * msPerTick
  } catch {
    return null
  }
}

export const openFiles = (pid: number | 'self' = 'self'): number => {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}
