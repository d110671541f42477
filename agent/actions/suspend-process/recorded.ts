import type { ProcessRef } from '../../../protocol/process-ref.ts'
import type { Host, ProcessFacts, ProcessHandle } from '../../host/host.ts'
import { openRecorded } from '../process-set.ts'

/** A process of the record that is still there. */
export interface Recorded {
  readonly ref: ProcessRef
  readonly handle: ProcessHandle
  /** As they were when it was opened. */
  readonly facts: ProcessFacts
}

/** Opens every process of a record, in its order; closes them all when disposed of. */
export const recordedProcesses = (
  host: Host,
  refs: readonly ProcessRef[],
): Disposable & { readonly present: readonly Recorded[]; readonly ended: readonly ProcessRef[] } => {
  const present: Recorded[] = []
  const ended: ProcessRef[] = []
  const close = () => {
    for (const { handle } of present) handle.close()
  }
  try {
    for (const ref of refs) {
      const found = openRecorded(host, ref)
      if (found === null) ended.push(ref)
      else present.push({ ref, ...found })
    }
  } catch (error) {
    close()
    throw error
  }
  return { present, ended, [Symbol.dispose]: close }
}
