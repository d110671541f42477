/** A device of the story, as the sources of alerts know it before it enrols. */
export interface Actor {
  /** Its own host name. */
  readonly name: string
  /** The dropper that lies on it. */
  readonly file: { readonly path: string; readonly sha256: string }
}

/** Devices of one kind, on each of which lies a dropper and runs its miner. */
export interface Cast {
  readonly actors: readonly Actor[]
  /** Lets all of them in. */
  enrol(token: string): Promise<void>
  /** The miner of an enrolled device, named exactly. */
  miner(name: string): { readonly pid: number; readonly startedAt: string; readonly bootId: string }
  /** Has those look for the control plane now that would wait long, having found it dead so often. */
  hurry(): Promise<void>
  /** Throws unless each has lost its dropper and its miner, each once. */
  expectTaken(): Promise<void>
  /** Throws unless each has its dropper back exactly as it was, nothing was done twice and nothing is left in force. */
  expectRestored(): Promise<void>
}
