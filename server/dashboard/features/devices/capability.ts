import { type ActionName, actionNames } from '../../../../protocol/actions/index.ts'
import type { Capability } from '../../../../protocol/messages.ts'
import type { Device } from './queries.ts'

/** What the device said it can do with an action; what it did not mention it does not know. */
export const supportOf = (device: Device, action: ActionName): Capability =>
  device.facts.capabilities.find((it) => it.action === action) ?? {
    action,
    support: 'unsupported',
    reason: 'The agent on this device does not know it; it may be older than the control plane.',
  }

/** Asked for in the vault, where the file is that they are about. */
const askedInVault: readonly ActionName[] = ['purge-quarantine', 'collect-quarantined']

/** What one asks for on a device. */
export const askedOnDevices: readonly ActionName[] = actionNames.filter((it) => !askedInVault.includes(it))

/** The isolation that is in force on the device, if one is. */
export const isolationOf = (device: Device) =>
  device.inForce.find((it) => it.action === 'isolate-device' && (it.effect === 'in-force' || it.effect === 'unknown'))
