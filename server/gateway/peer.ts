import type { DeviceId } from '../../protocol/ids.ts'

/** Who is at the other end, by the certificate that was shown. */
export interface Peer {
  readonly device: DeviceId
  /** Serial of its certificate, hex in lower case, and the end of its life. */
  readonly serial: string
  readonly notAfter: number
}
