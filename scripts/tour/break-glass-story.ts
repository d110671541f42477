import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { callAgent } from '../start/agent-process.ts'
import type { ControlPlane } from './control-plane.ts'
import { approve, propose } from './decide.ts'
import { compare, type TakenFile } from './file-story.ts'
import { portraitOf } from './odd-file.ts'
import type { Report } from './report.ts'

/** A file that is in the vault while the control plane goes away, and the code that was made for that day. */
export interface Held extends TakenFile {
  readonly action: string
  readonly code: string
}

/** The same file is taken once more, and an administrator notes the code. */
export async function takeAgain(plane: ControlPlane, file: TakenFile, report: Report): Promise<Held> {
  report.part('Once more, and a code for bad days')
  const again = await approve(plane, await propose(plane, 'quarantine-file', file.target))
  const gone = portraitOf(file.path) === null
  report.claim('what was undone can be done again', again.status === 'succeeded' && gone, again.outcome)
  const reason = ['--comment', 'the tour is about to stop the control plane']
  const shown = await plane.admin.ask<{ code: string }>('devices', 'break-glass', file.device, ...reason)
  report.claim('an administrator is shown the break-glass code of the device', shown.code.length > 0)
  return { ...file, action: again.id, code: shown.code }
}

/** With no control plane in the world, the device gives the file back to who has the code, and to nobody else. */
export async function breakGlassStory(held: Held, folder: string, report: Report): Promise<void> {
  report.part('Taken back without a control plane')
  const secrets = join(folder, 'code')
  mkdirSync(secrets, { mode: 0o700 })
  const undoWith = (code: string) => {
    writeFileSync(join(secrets, 'code'), code, { mode: 0o600 })
    return callAgent(['undo', held.action, '--code', `@${join(secrets, 'code')}`], held.place)
  }
  const guessed = await undoWith('AAAAA-AAAAA-AAAAA-AAAAA')
  report.claim('a wrong code is refused', guessed.status === 3 && portraitOf(held.path) === null, guessed)
  const undone = await undoWith(held.code)
  report.claim('the code takes the action back, on the device alone', undone.status === 0, undone)
  compare(held.before, portraitOf(held.path), report)
  const twice = await undoWith(held.code)
  report.claim('it opens nothing twice', twice.status !== 0, twice)
}
