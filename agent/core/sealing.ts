import type { Vault } from '../vault/vault.ts'
import type { Log } from './log.ts'

/** Seals what the vault holds plain, one run at a time, in the background of everything else (VLT1). */
export interface Sealing {
  /** Begins a run, or has another one follow the one that is under way. */
  begin(): void
  busy(): boolean
  done(): Promise<void>
}

export function createSealing(vault: Vault, log: Log): Sealing {
  let running: Promise<void> | null = null
  let again = false
  async function run(): Promise<void> {
    do {
      again = false
      try {
        const { left } = await vault.seal()
        if (left.length > 0) log.warn({ left }, 'some of what the vault holds could not be sealed and lies plain in it')
      } catch (error) {
        log.warn(
          { err: error },
          'what lies plain in the vault could not be sealed; it is tried again with the next change',
        )
      }
    } while (again)
  }
  return {
    begin() {
      again = true
      running ??= run().finally(() => {
        running = null
      })
    },
    busy: () => running !== null,
    done: () => running ?? Promise.resolve(),
  }
}
