import { useMutation } from '@tanstack/react-query'
import { type ChangeEvent, useRef, useState } from 'react'
import { Problem, sentenceFor } from '../app/problem.ts'

/**
 * One form, whatever it is about.
 *
 * INVARIANTS
 * - What somebody types is theirs until they save it or give it up: what comes from the server meanwhile changes nothing under their
 *   hands. `before` stays what it was when they began, so that the server can tell that somebody else was quicker.
 * - What is being sent is not sent again, however quickly somebody asks for it: whether it is under way is known before it is drawn.
 * - What is wrong is what the server says; it stands beside its field until that is changed.
 */

/** Fields of a form whose values are of a kind. */
type Named<V, Kind> = { [K in keyof V]-?: V[K] extends Kind ? K : never }[keyof V] & string

export interface FormWish<V extends object, Answer> {
  /** What is kept now, or what an empty form begins with. */
  readonly kept: V
  /** Why nothing can be changed here; null when it can. */
  readonly locked?: string | null
  /** Sends it; `before` is what was kept when the change began. */
  save(values: V, before: V): Promise<Answer>
  done?(answer: Answer): void
  /** Where a fault belongs whose place has another name than its field: by its path, such as `channel/url`, or by its code. */
  readonly places?: Readonly<Record<string, keyof V & string>>
  /** Reads again what is kept, when somebody else has changed it. */
  again?(): unknown
}

interface Hint {
  readonly hint?: string
}

export type Form<V extends object = object> = ReturnType<typeof useForm<V, unknown>>

/** Label, input, and one line below, which says what belongs there or what is wrong: neither comes or goes with a jump. */
const order: ('label' | 'input' | 'error' | 'description')[] = ['label', 'input', 'error', 'description']
const emptyLine = '\u00a0'

export function useForm<V extends object, Answer>(wish: FormWish<V, Answer>) {
  const { kept, locked = null, places = {} } = wish
  const [draft, setDraft] = useState<{ readonly values: V; readonly before: V } | null>(null)
  const [faults, setFaults] = useState<ReadonlyMap<string, string>>(new Map())
  const values = draft?.values ?? kept
  const sending = useRef(false)
  const run = useMutation({
    mutationFn: () => wish.save(values, draft?.before ?? kept),
    onMutate: () => setFaults(new Map()),
    onSuccess: (answer) => {
      setDraft(null)
      wish.done?.(answer)
    },
    onError: (error) => setFaults(faultsIn(error, values, places)),
    onSettled: () => {
      sending.current = false
    },
  })
  const change = (part: Partial<V>) => {
    setDraft({ values: { ...values, ...part }, before: draft?.before ?? kept })
    setFaults((old) => new Map([...old].filter(([field]) => !Object.hasOwn(part, field))))
    if (!run.isPending) run.reset()
  }
  const put = (name: string, value: unknown) => change({ [name]: value } as Partial<V>)
  const shared = (name: string, { hint = emptyLine }: Hint) => {
    const fault = faults.get(name)
    return {
      name,
      disabled: locked !== null,
      inputWrapperOrder: order,
      ...(fault === undefined ? { description: hint } : { error: fault, 'aria-invalid': true }),
    }
  }
  const changed = draft !== null && JSON.stringify(draft.values) !== JSON.stringify(draft.before)
  return {
    values,
    changed,
    locked,
    busy: run.isPending,
    saved: run.isSuccess && !changed,
    /** What went wrong that belongs to no field. */
    trouble: run.error !== null && faults.size === 0 ? run.error : null,
    /** Somebody else was quicker. */
    overtaken: run.error instanceof Problem && run.error.code === 'content_changed',
    faultOf: (name: keyof V & string): string | undefined => faults.get(name),
    change,
    put,
    submit: () => {
      if (sending.current) return
      sending.current = true
      run.mutate()
    },
    /** Gives up what was typed, for what is kept. */
    drop: () => {
      setDraft(null)
      setFaults(new Map())
      run.reset()
      void wish.again?.()
    },
    /** For an input of text. */
    text: (name: Named<V, string>, hint: Hint = {}) => ({
      ...shared(name, hint),
      value: String(values[name]),
      onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => put(name, event.currentTarget.value),
    }),
    /** For an input of a number; what is no number yet is left to the server to refuse. */
    number: (name: Named<V, number | null>, hint: Hint = {}) => ({
      ...shared(name, hint),
      value: values[name] === null ? '' : Number(values[name]),
      onChange: (value: number | string) => put(name, typeof value === 'number' ? value : null),
    }),
    /** For one of several. */
    choice: (name: Named<V, string | null>, hint: Hint = {}) => ({
      ...shared(name, hint),
      allowDeselect: false,
      value: values[name] === null ? null : String(values[name]),
      onChange: (value: string | null) => put(name, value),
    }),
    /** For any number of several. */
    many: (name: Named<V, readonly string[]>, hint: Hint = {}) => {
      const value = values[name]
      return {
        ...shared(name, hint),
        value: Array.isArray(value) ? value.map(String) : [],
        onChange: (next: string[]) => put(name, next),
      }
    },
    /** For a switch. */
    toggle: (name: Named<V, boolean>) => ({
      name,
      disabled: locked !== null,
      checked: values[name] === true,
      error: faults.get(name) ?? null,
      onChange: (event: ChangeEvent<HTMLInputElement>) => put(name, event.currentTarget.checked),
    }),
  }
}

/** What is wrong, by field. A fault deep inside of one belongs to the field that holds it. */
function faultsIn(error: unknown, values: object, places: Readonly<Record<string, string>>): Map<string, string> {
  const found = new Map<string, string>()
  if (!(error instanceof Problem)) return found
  for (const { path, message } of error.issues) {
    const steps = path.split('/').filter((it) => it !== '')
    const heads = steps.map((_, at) => steps.slice(0, steps.length - at).join('/'))
    const head = heads.find((it) => places[it] !== undefined)
    const field = head === undefined ? steps.find((it) => Object.hasOwn(values, it)) : places[head]
    if (field === undefined) return new Map()
    const last = steps.at(-1) ?? ''
    const before = found.get(field)
    // Of an empty text the first fault says all; of a list each entry has its own.
    if (/^\d+$/.test(last))
      found.set(field, `${before === undefined ? '' : `${before} `}Entry ${Number(last) + 1}: ${message}`)
    else found.set(field, before ?? message)
  }
  const field = places[error.code]
  if (found.size === 0 && field !== undefined) found.set(field, sentenceFor(error))
  return found
}
