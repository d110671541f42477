/** What /proc/PID/stat says, as far as the agent needs it (proc_pid_stat(5)). */
export interface ProcStat {
  readonly name: string
  /** R, S, D, T, t, Z, X …: of the first thread. */
  readonly state: string
  readonly parent: number
  readonly kernelThread: boolean
  /** Field 22: clock ticks since boot. */
  readonly startedAt: string
}

const PF_KTHREAD = 0x20_0000

/** Null for text that is no stat line. The name may hold spaces, brackets and any byte, so the fields begin after the last bracket. */
export const parseProcStat = (text: Buffer): ProcStat | null => {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 0 || close < open) return null
  const fields = text.toString('latin1', close + 2).split(' ')
  const [state, parent, flags, startedAt] = [fields[0], fields[1], fields[6], fields[19]]
  if (state === undefined || parent === undefined || flags === undefined || startedAt === undefined) return null
  if (!/^\d+$/.test(parent) || !/^\d+$/.test(flags) || !/^\d+$/.test(startedAt)) return null
  return {
    name: text.toString('utf8', open + 1, close),
    state,
    parent: Number(parent),
    kernelThread: (Number(flags) & PF_KTHREAD) !== 0,
    startedAt,
  }
}
