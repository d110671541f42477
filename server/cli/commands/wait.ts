import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionId, BatchId } from '../../../protocol/ids.ts'
import { hasEnded } from '../../../protocol/status.ts'
import { type BatchView, batchView } from '../../actions/batches.ts'
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

/** The batch once all of it has ended. */
export async function waitForBatch(controlPlane: ControlPlane, id: BatchId): Promise<BatchView> {
  let now = await controlPlane.get(`/v1/batches/${id}`, batchView)
  while (now.waiting > 0) {
    await sleep(askAgainMs)
    now = await controlPlane.get(`/v1/batches/${id}`, batchView)
  }
  return now
}

export function failUnlessBatchSucceeded({ total, succeeded }: BatchView): void {
  if (succeeded < total) throw new CliFailure(exitCodes.refused, `${total - succeeded} of ${total} did not succeed`)
}

export function failUnlessSucceeded(actions: readonly ActionView[]): void {
  const short = actions.filter(({ status }) => status !== 'succeeded')
  if (short.length > 0) throw new CliFailure(exitCodes.refused, `${short.length} of ${actions.length} did not succeed`)
}
