import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionId } from '../../../protocol/ids.ts'
import { hasEnded } from '../../../protocol/status.ts'
import { type ActionView, actionView } from '../../actions/views.ts'
import { CliFailure, type ControlPlane, exitCodes } from '../control-plane.ts'

const askAgainMs = 300

/** The actions once each of them has ended. Waits as long as the control plane lets them live. */
export async function waitForEnd(controlPlane: ControlPlane, ids: readonly ActionId[]): Promise<ActionView[]> {
  const ended: ActionView[] = []
  for (const id of ids) {
    let now = await controlPlane.get(`/v1/actions/${id}`, actionView)
    while (!hasEnded(now.status)) {
      await sleep(askAgainMs)
      now = await controlPlane.get(`/v1/actions/${id}`, actionView)
    }
    ended.push(now)
  }
  return ended
}

export function failUnlessSucceeded(actions: readonly ActionView[]): void {
  const short = actions.filter(({ status }) => status !== 'succeeded')
  if (short.length > 0) throw new CliFailure(exitCodes.refused, `${short.length} of ${actions.length} did not succeed`)
}
