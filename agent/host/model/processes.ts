import type { Sha256 } from '../../../protocol/file-record.ts'
import type { Processes, ProcessFacts, ProcessHandle } from '../host.ts'
import { HostError } from '../host.ts'
import type { ModelProcess } from './process-table.ts'
import type { Seat } from './seat.ts'

/** The processes of the seam on the model machine. */
export const modelProcesses = (seat: Seat): Processes => ({
  pids: () => {
    seat.enter()
    return seat.machine.processTable.all().map(({ pid }) => pid)
  },
  open: (pid) => {
    seat.enter()
    const process = seat.machine.processTable.find(pid)
    return process === null ? null : new ModelProcessHandle(seat, process)
  },
})

/** Why the process is never touched, or null. */
const protectionOf = ({ machine }: Seat, process: ModelProcess): string | null => {
  if (process.kernel) return 'a thread of the kernel'
  if (process.pid === machine.processTable.initPid) return 'the first process of the system'
  if (process.pid === machine.agentPid) return 'the agent itself'
  let above = machine.processTable.find(machine.agentPid)
  while (above !== null) {
    if (above.pid === process.pid) return 'an ancestor of the agent'
    above = machine.processTable.find(above.parent)
  }
  return null
}

class ModelProcessHandle implements ProcessHandle {
  readonly #seat: Seat
  readonly #process: ModelProcess
  #closed = false

  constructor(seat: Seat, process: ModelProcess) {
    this.#seat = seat
    this.#process = process
  }

  #enter(): void {
    if (this.#closed) throw new Error('the handle is closed')
    this.#seat.enter()
  }

  /** The process, as long as anything is left of it: the object is compared, never its number. */
  #present(): ModelProcess {
    const { pid } = this.#process
    if (this.#seat.machine.processTable.find(pid) !== this.#process)
      throw new HostError('process_gone', `process ${pid} has ended`)
    return this.#process
  }

  #living(): ModelProcess {
    const process = this.#present()
    if (process.state === 'dead') throw new HostError('process_gone', `process ${process.pid} has ended`)
    return process
  }

  facts(): ProcessFacts {
    this.#enter()
    const { pid, startedAt, parent, name, imagePath, state } = this.#present()
    return {
      pid,
      startedAt: String(startedAt),
      bootId: this.#seat.machine.bootId,
      parent,
      name,
      image: state === 'dead' ? null : imagePath,
      state,
      protection: protectionOf(this.#seat, this.#process),
    }
  }

  imageSha256(): Sha256 | null {
    this.#enter()
    return this.#present().image?.bytes?.sha256() ?? null
  }

  children(): number[] {
    this.#enter()
    const { pid } = this.#present()
    return this.#seat.machine.processTable.childrenOf(pid).map((child) => child.pid)
  }

  suspend(): void {
    this.#enter()
    const process = this.#living()
    this.#demandRight(process)
    if (this.#reaches(process)) this.#seat.machine.processTable.suspend(process.pid)
  }

  resume(): void {
    this.#enter()
    const process = this.#living()
    this.#demandRight(process)
    if (this.#reaches(process)) this.#seat.machine.processTable.resume(process.pid)
  }

  kill(): void {
    this.#enter()
    if (this.#seat.machine.processTable.find(this.#process.pid) !== this.#process) return
    this.#demandRight(this.#process)
    if (this.#reaches(this.#process)) this.#seat.machine.processTable.end(this.#process.pid)
  }

  async gone(_timeoutMs: number): Promise<boolean> {
    this.#enter()
    // Waiting takes no time of the model's clock: others get some turns instead.
    for (let turn = 0; turn < 10 && !this.#ended(); turn++) this.#seat.machine.othersTurn()
    return this.#ended()
  }

  close(): void {
    this.#closed = true
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #ended(): boolean {
    const { processTable } = this.#seat.machine
    return processTable.find(this.#process.pid) !== this.#process || this.#process.state === 'dead'
  }

  #demandRight(process: ModelProcess): void {
    const { machine, user } = this.#seat
    if (process.pid === machine.agentPid) throw new Error('the agent turned on itself')
    if (!machine.privileged && process.owner !== user)
      throw new HostError('not_permitted', `process ${process.pid} belongs to another user`)
  }

  /** The kernel lets no signal through to itself or to init. */
  #reaches(process: ModelProcess): boolean {
    return !process.kernel && process.pid !== this.#seat.machine.processTable.initPid
  }
}
