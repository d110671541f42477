import type { Logger } from 'pino'
import type { Desk } from './desk.ts'
import type { SharedRoom } from './intake.ts'
import type { Actions, Contents } from './seam.ts'
import type { Session } from './session.ts'
import type { GatewayLimits } from './settings.ts'

/** What all connections share. */
export interface SessionDeps {
  readonly desk: Desk
  readonly actions: Actions
  readonly contents: Contents
  readonly limits: GatewayLimits
  readonly room: SharedRoom
  readonly log: Logger
  nowMs(): number
  monotonicMs(): number
  random(): number
  /** Runs `see`, which looks at a hello, together with those of others that come about now. */
  greet(see: () => void): void
  /** The hello was accepted; an older connection of the device has to go. */
  opened(session: Session): void
  ended(session: Session): void
  /** Asks to be looked at ({@link Session.look}) at that time on the monotonic clock. */
  lookAt(session: Session, atMs: number): void
}
