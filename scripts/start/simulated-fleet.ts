import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientSecret } from '../../simulator/fleet/client-pass.ts'
import type { FleetStart } from '../../simulator/start-fleet.ts'

/** What the process of the fleet is told to do. */
export interface FleetWork {
  readonly fleet: FleetStart
  /** Null for devices without a story. */
  readonly people: { readonly url: string; readonly asking: ClientSecret; readonly deciding: ClientSecret } | null
}

/** What it says, in sentences for the terminal. */
export interface FleetSaid {
  readonly said: string
}

/** A simulated fleet in a process of its own, so that the control plane beside it stays quick. It ends when this process does. */
export interface SimulatedFleet {
  readonly pid: number
  stop(): Promise<void>
}

const endWithinMs = 5_000

/** @param log where its errors are appended */
export function startSimulatedFleet(work: FleetWork, log: string, tell: (sentence: string) => void): SimulatedFleet {
  const errors = openSync(log, 'a', 0o600)
  const child: ChildProcess = fork(join(import.meta.dirname, '../start-fleet-process.ts'), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', errors, errors, 'ipc'],
  })
  closeSync(errors)
  let stopping = false
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', (code, signal) => {
      if (!stopping)
        tell(`The simulated fleet has ended (${signal ?? code}); the next start takes it up. Its log: ${log}`)
      resolve()
    })
  })
  child.on('message', ({ said }: FleetSaid) => {
    if (!stopping) tell(said)
  })
  child.send(work)
  return {
    pid: child.pid ?? 0,
    async stop() {
      stopping = true
      if (child.connected) child.disconnect()
      const late = setTimeout(() => child.kill('SIGKILL'), endWithinMs)
      await ended
      clearTimeout(late)
    },
  }
}
