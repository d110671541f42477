import type { ModelMachine } from './machine.ts'

/**
 * The agent's place on the machine: what every call through the seam passes first. Time may be taken by others between two calls,
 * and whatever was held before a restart of the machine is gone.
 */
export interface Seat {
  readonly machine: ModelMachine
  /** Must be called first by every method of the seam but `close`. */
  enter(): void
  /** The user the agent runs as. */
  readonly user: number
}

export const seatOn = (machine: ModelMachine): Seat => {
  const { bootId } = machine
  return {
    machine,
    user: machine.privileged ? 0 : machine.agentUser,
    enter: () => {
      if (machine.bootId !== bootId) throw new Error('the machine has restarted; what was held before is gone')
      machine.othersTurn()
    },
  }
}
