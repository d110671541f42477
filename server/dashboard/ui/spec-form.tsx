import { NumberInput, SegmentedControl, Select, Stack, Switch, TextInput } from '@mantine/core'
import * as z from 'zod'
import { issueWords } from '../../../protocol/issue-words.ts'
import classes from './spec-form.module.css'

/** The part of JSON Schema that parameters of actions use. */
interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
}

export type Values = Readonly<Record<string, unknown>>
/** What is wrong, by path: `target.process.pid`. */
export type Faults = ReadonlyMap<string, string>

export const schemaOf = (params: z.ZodType): Schema =>
  z.toJSONSchema(params, { io: 'input', unrepresentable: 'any' }) as Schema

const capitals: Readonly<Record<string, string>> = { sha256: 'SHA-256', pid: 'Process number', id: 'Id' }

/** Rules are named in the code and the docs; a form is for people. */
const ruleNumber = / \([A-Z]{3}\d+\)$/

/** `imageSha256` as people read it: `Image SHA-256`. */
const labelOf = (name: string): string => {
  const words = name.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/ [A-Z](?=[a-z])/g, (it) => it.toLowerCase())
  const text = words
    .split(' ')
    .map((word) => capitals[word.toLowerCase()] ?? word)
    .join(' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const objectIn = (value: unknown): Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : {}

/** The values a form begins with: defaults of the schema, and what is known already by the name of the field. */
export function firstValues(schema: Schema, known: Values): Values {
  const values: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (field.default !== undefined) values[name] = field.default
    else if (Object.hasOwn(known, name)) values[name] = known[name]
    else if (field.properties !== undefined) values[name] = firstValues(field, known)
    else if (field.anyOf?.[0]?.properties !== undefined) values[name] = firstValues(field.anyOf[0], known)
  }
  return values
}

/** Checks with the schema itself, so that the form can never be more lenient than the API. */
export function faultsOf(params: z.ZodType, values: Values): Faults {
  const parsed = params.safeParse(values)
  const faults = new Map<string, string>()
  if (!parsed.success) collect(parsed.error.issues, [], values, faults)
  return faults
}

function collect(
  issues: readonly z.core.$ZodIssue[],
  prefix: readonly PropertyKey[],
  values: Values,
  faults: Map<string, string>,
): void {
  for (const issue of issues) {
    const path = [...prefix, ...issue.path]
    if (issue.code === 'invalid_union') {
      // Of several ways to say it, only the one that was begun matters: it is the one without unknown keys.
      const begun =
        issue.errors.find((way) => way.every((it) => it.code !== 'unrecognized_keys')) ?? issue.errors[0] ?? []
      collect(begun, path, values, faults)
      continue
    }
    const value = path.reduce<unknown>((at, key) => objectIn(at)[String(key)], values)
    faults.set(path.join('.'), value === undefined || value === '' ? 'Needed.' : issueWords({ ...issue }))
  }
}

interface FormProps {
  readonly schema: Schema
  readonly values: Values
  readonly change: (values: Values) => void
  readonly faults: Faults
  /** What is known already, for ways that are chosen later. */
  readonly known: Values
  readonly path?: string
}

/** A form made from the schema of an action: whatever the action takes, without a line written for it. */
export const SpecForm = ({ schema, values, change, faults, known, path = '' }: FormProps) => (
  <Stack gap="sm">
    {Object.entries(schema.properties ?? {}).map(([name, field]) => (
      <Field
        key={name}
        name={name}
        field={field}
        optional={!(schema.required ?? []).includes(name)}
        path={path === '' ? name : `${path}.${name}`}
        value={values[name]}
        change={(value) => {
          const { [name]: _, ...rest } = values
          change(value === undefined ? rest : { ...values, [name]: value })
        }}
        faults={faults}
        known={known}
      />
    ))}
  </Stack>
)

interface FieldProps {
  readonly name: string
  readonly field: Schema
  readonly optional: boolean
  readonly path: string
  readonly value: unknown
  readonly change: (value: unknown) => void
  readonly faults: Faults
  readonly known: Values
}

const Field = ({ name, field, optional, path, value, change, faults, known }: FieldProps) => {
  const label = labelOf(name) + (optional && field.default === undefined ? ' (optional)' : '')
  const description = field.description?.replace(ruleNumber, '')
  const shared = { label, description, error: faults.get(path) ?? null }
  if (field.anyOf !== undefined) return <Ways {...{ name, field, path, value, change, faults, known }} />
  if (field.properties !== undefined) {
    return (
      <fieldset className={classes.group}>
        <legend>{labelOf(name)}</legend>
        <SpecForm schema={field} values={objectIn(value)} change={change} faults={faults} known={known} path={path} />
      </fieldset>
    )
  }
  if (field.enum !== undefined) {
    // One choice is no choice.
    if (field.enum.length === 1) return null
    const data = field.enum.map(String)
    return (
      <Select
        {...shared}
        allowDeselect={optional}
        data={data}
        value={typeof value === 'string' ? value : null}
        onChange={(it) => change(it ?? undefined)}
      />
    )
  }
  if (field.type === 'boolean') {
    return (
      <Switch
        label={labelOf(name)}
        description={description}
        checked={value === true}
        onChange={(event) => change(event.currentTarget.checked)}
      />
    )
  }
  if (field.type === 'integer' || field.type === 'number') {
    return (
      <NumberInput
        {...shared}
        hideControls
        allowDecimal={field.type === 'number'}
        value={typeof value === 'number' ? value : ''}
        onChange={(it) => change(typeof it === 'number' ? it : undefined)}
      />
    )
  }
  return (
    <TextInput
      {...shared}
      spellCheck={false}
      autoComplete="off"
      autoCapitalize="none"
      classNames={{ input: classes.mono ?? '' }}
      value={typeof value === 'string' ? value : ''}
      onChange={(event) => {
        const text = event.currentTarget.value
        change(text === '' ? undefined : text)
      }}
    />
  )
}

/** One of several ways to say what is meant, such as a process by its number or by its image. */
const Ways = ({ name, field, path, value, change, faults, known }: Omit<FieldProps, 'optional'>) => {
  const ways = field.anyOf ?? []
  const titles = ways.map((way) =>
    Object.keys(way.properties ?? {})
      .map(labelOf)
      .join(', '),
  )
  const keysOf = (way: Schema | undefined) => Object.keys(way?.properties ?? {})
  const current = Math.max(
    0,
    ways.findIndex((way) => keysOf(way).some((key) => Object.hasOwn(objectIn(value), key))),
  )
  const way = ways[current]
  return (
    <fieldset className={classes.group}>
      <legend>{labelOf(name)}</legend>
      <Stack gap="sm">
        <SegmentedControl
          size="xs"
          fullWidth
          aria-label={labelOf(name)}
          data={titles.map((title, at) => ({ value: String(at), label: title }))}
          value={String(current)}
          onChange={(at) => {
            const next = ways[Number(at)] ?? {}
            const first = firstValues(next, known)
            const key = keysOf(next)[0]
            change(Object.keys(first).length > 0 || key === undefined ? first : { [key]: '' })
          }}
        />
        {way === undefined ? null : (
          <SpecForm schema={way} values={objectIn(value)} change={change} faults={faults} known={known} path={path} />
        )}
      </Stack>
    </fieldset>
  )
}
