import type * as z from 'zod'

/** safe: a person may decide alone; disruptive: work stops somewhere; destructive: something may be lost (POL6). */
export type Risk = 'safe' | 'disruptive' | 'destructive'

export type Platform = 'linux' | 'windows'

/** What an action is about, as the action center shows it and as conflicting actions are told apart (LIFE6, LIFE7). */
export interface Target {
  readonly kind: 'file' | 'process' | 'device'
  /** Two actions on one device conflict when kind and key are equal. */
  readonly key: string
  /** For people. Text from a device or an operator: data, never markup. */
  readonly label: string
}

/** D3FEND tactics that remediation serves; OCSF takes them as the activity of an event. */
export type Tactic = 'Isolate' | 'Evict' | 'Restore' | 'Harden' | 'Detect'

/** MITRE D3FEND technique, by its tactic, identifier and name. */
export interface Technique {
  readonly tactic: Tactic
  readonly id: `D3-${string}`
  readonly name: string
}

/** A way back that exists: the words for it, and the schema of what the agent writes down first (JRN1). */
export interface Undoable<Inverse extends z.ZodType> {
  readonly title: string
  readonly technique: Technique
  readonly inverse: Inverse
}

/** No way back, and the sentence that says so before anyone approves. */
export interface Irreversible {
  readonly irreversible: string
}

/** Everything the whole system needs to know about an action, once. Forms, validation, API, CLI and docs derive from it. */
export interface ActionSpec<
  Name extends string = string,
  Params extends z.ZodType = z.ZodType,
  Way extends Undoable<z.ZodType> | Irreversible = Undoable<z.ZodType> | Irreversible,
> {
  readonly name: Name
  /** Imperative, for buttons and rows: `Quarantine file`. */
  readonly title: string
  /** One or two sentences for forms and docs. */
  readonly description: string
  readonly risk: Risk
  readonly technique: Technique
  /** True where the effect is a state of the device that lasts until it is taken back, rather than something done once. */
  readonly heldInForce: boolean
  readonly params: Params
  /** Parameters that are right, as a client would send them; docs and forms show them, tests send them. */
  readonly example: z.input<Params>
  readonly undo: Way
  target(params: z.output<Params>): Target
  /** Lower-case phrase that completes “The device will …”. */
  summarise(params: z.output<Params>): string
}

/** Declares an action; it exists so that literal types of name, params and inverse are kept. */
export const defineAction = <
  const Name extends string,
  Params extends z.ZodType,
  Way extends Undoable<z.ZodType> | Irreversible,
>(
  spec: ActionSpec<Name, Params, Way>,
): ActionSpec<Name, Params, Way> => spec

export type ParamsOf<Spec> = Spec extends ActionSpec<string, infer Params, infer _> ? z.output<Params> : never

/** The inverse record of an action; `null` for one that cannot be undone. */
export type InverseOf<Spec> = Spec extends { readonly undo: { readonly inverse: infer Inverse extends z.ZodType } }
  ? z.output<Inverse>
  : null
