import type { Transaction } from 'kysely'
import type { DeviceId } from '../protocol/ids.ts'
import type { ActionDeps } from './actions/deps.ts'
import { joinWaiting, sweepAlerts, takeDeviceAlert } from './alerts/intake.ts'
import { finishRegrouping } from './groups/groups.ts'
import { placeDevice } from './groups/membership.ts'
import { followInvestigations, sweepInvestigations } from './investigations/progress.ts'
import { finishReconsidering, reconsiderDevices } from './investigations/reconsider.ts'
import { followRollouts, sweepRollouts } from './rollouts/waves.ts'
import type { Schema } from './store/schema.ts'
import { followVault } from './vault/follow.ts'

/** The action center with everything that decides hung onto the life of its actions. */
export function withDeciding(bare: Omit<ActionDeps, 'afterMove' | 'takeAlert'>): ActionDeps {
  const deps: ActionDeps = {
    ...bare,
    afterMove: async (transaction, moved) => {
      await followVault(transaction, moved)
      await followInvestigations(deps, transaction, moved)
      await followRollouts(deps, transaction, moved)
    },
    takeAlert: (transaction, device, found) => takeDeviceAlert(deps, transaction, device, found),
  }
  return deps
}

/**
 * To be called in the transaction that lets a device in or changes its name, its tags or what it says of itself: it goes to its group,
 * and what waited for it is taken up.
 */
export async function deviceChanged(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  device: DeviceId,
): Promise<void> {
  if (await placeDevice(deps, transaction, device)) await reconsiderDevices(deps, transaction, [device])
  await joinWaiting(deps, transaction, device)
}

/** Finishes what a crash may have cut and what only time brings about; runs at the start and every minute. */
export async function sweepDeciding(deps: ActionDeps): Promise<void> {
  await finishRegrouping(deps)
  await finishReconsidering(deps)
  await sweepAlerts(deps)
  await sweepInvestigations(deps)
  await sweepRollouts(deps)
}
