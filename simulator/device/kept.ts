import { join } from 'node:path'
import * as z from 'zod'
import { saveDisk } from '../../agent/host/model/disk-image.ts'
import { readIfThere, writeDurably } from '../../agent/link/durable-file.ts'
import { readIdentity } from '../../agent/link/identity.ts'
import type { Scene, SwitchedOff } from './scenery.ts'

/**
 * The machine of a device whose fleet goes on after its process has ended.
 *
 * INVARIANTS
 * - What an effect did to the disk is in the file before the journal says anything further: {@link KeptMachine.keep} comes before each
 *   commit. So whenever everything is killed, the machine that comes up is one on which an agent could have died (JRN2).
 * - Each start has another number, noted before anything runs: a process of an earlier start is never taken for one of this.
 */
export interface KeptMachine {
  /** Something has changed. */
  changed(): void
  /** Writes down what has changed since the last time. */
  keep(): void
}

const file = z.strictObject({
  v: z.literal(1),
  boots: z.int().min(1),
  disk: z.base64(),
  heldOverRestart: z.string().nullable(),
})
const nameOf = (folder: string) => join(folder, 'machine.json')

/** The machine as it was switched off, or null for one that has never run. Throws when the file is not what was written there. */
export function readSwitchedOff(folder: string): SwitchedOff | null {
  const text = readIfThere(nameOf(folder))
  if (text === null) return null
  const { boots, disk, heldOverRestart } = file.parse(JSON.parse(text))
  return { boots, disk: Buffer.from(disk, 'base64'), heldOverRestart }
}

/** @param boots how often it has been started, this time included */
export function keepMachine(folder: string, { machine }: Pick<Scene, 'machine'>, boots: number): KeptMachine {
  let isChanged = true
  const kept: KeptMachine = {
    changed() {
      isChanged = true
    },
    keep() {
      if (!isChanged) return
      isChanged = false
      const disk = Buffer.from(saveDisk(machine.disk)).toString('base64')
      const { heldOverRestart } = machine.network
      writeDurably(
        nameOf(folder),
        JSON.stringify({ v: 1, boots, disk, heldOverRestart } satisfies z.input<typeof file>),
      )
    },
  }
  kept.keep()
  return kept
}

/** Whether a device is at home in the folder: it has enrolled. */
export const isKept = (folder: string): boolean => readIdentity(folder) !== null
