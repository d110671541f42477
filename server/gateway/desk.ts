import type { ErrorCode } from '../../protocol/errors.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Signed } from '../../protocol/mandate.ts'
import type { DeviceFacts } from '../../protocol/messages.ts'
import type { BreakGlass } from '../devices/break-glass.ts'
import type { DeviceDeps } from '../devices/deps.ts'
import {
  type Admitted,
  admitDevice,
  renewCertificate,
  revokedCertificates,
  skipReports,
  takeFacts,
} from '../devices/devices.ts'
import type { Presence } from '../devices/presence.ts'

/** What the gateway asks about devices; each answer is a value, a rejection is a fault of the service. */
export interface Desk {
  /** What the device meets, or why it may not come in. */
  admit(device: DeviceId, serial: string): Promise<Admitted | ErrorCode>
  /** Keeps what is new; `known` is what is kept already, null when the caller does not know. */
  takeFacts(device: DeviceId, facts: DeviceFacts, known: string | null): Promise<void>
  renew(device: DeviceId, csr: Uint8Array): Promise<{ readonly pem: string; readonly serial: string } | ErrorCode>
  /** Reports after `stored` and up to `upTo` will never come. */
  lost(device: DeviceId, stored: number, upTo: number): Promise<void>
  revoked(): Promise<{ serial: string; at: number }[]>
  /** Sends the break-glass grant that the device should hold now; `send` says whether it went out, `newest` is what {@link admit} has just found. */
  giveGrant(
    device: DeviceId,
    protocol: number,
    send: (grant: Signed) => boolean,
    newest?: Admitted['grant'],
  ): Promise<void>
  readonly presence: Presence
  /** A device came or went. */
  changed(device: DeviceId): void
}

export const createDesk = (deps: DeviceDeps, breakGlass: BreakGlass, presence: Presence): Desk => ({
  admit: (device, serial) => admitDevice(deps, device, serial),
  takeFacts: (device, facts, known) => takeFacts(deps, device, facts, known),
  renew: (device, csr) => renewCertificate(deps, device, csr),
  lost: (device, stored, upTo) => skipReports(deps, device, stored, upTo),
  revoked: () => revokedCertificates(deps),
  giveGrant: async (device, protocol, send, newest) => {
    const { id, grant, sent } = await breakGlass.grantFor(device, protocol, newest)
    if (send(grant) && !sent) await breakGlass.sent(id)
  },
  presence,
  changed: (device) => deps.changed(device),
})
