import { actorOf, type Caller } from '../people/permissions.ts'

/** Who asks for an action: an operator, or the server by itself. */
export interface Requester {
  /** As rows, mandates and screens show it. */
  readonly name: string
  /** As the audit chain names it. */
  readonly actor: string
}

/** The server, asking by itself. No operator can have this name: theirs have no spaces. */
export const automation: Requester = { name: 'automated investigation', actor: 'server' }

export const requesterOf = (caller: Caller): Requester => ({ name: caller.name, actor: actorOf(caller) })
