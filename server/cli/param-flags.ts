import * as z from 'zod'

/** One value that can be given on the command line, and where it belongs in the parameters. */
export interface ParamFlag {
  readonly path: readonly string[]
  /** Without the dashes: `started-at`. */
  readonly flag: string
  readonly kind: 'text' | 'number' | 'switch'
  readonly description: string
}

/** One way to fill a schema: alternatives of a union are ways of their own. */
type Way = readonly ParamFlag[]

/** The values as they were given, by flag. */
export type Given = Readonly<Record<string, string | boolean | undefined>>

/** Every flag of a parameter schema, once, in the order of its fields. */
export function flagsOf(schema: z.core.$ZodType): ParamFlag[] {
  const byFlag = new Map<string, ParamFlag>()
  for (const way of waysOf(schema, [], '')) for (const it of way) if (!byFlag.has(it.flag)) byFlag.set(it.flag, it)
  return [...byFlag.values()]
}

/**
 * Parameters from the values given: the first way of the schema that takes all of them and accepts the result.
 * Otherwise the sentence of what the best way lacks.
 */
export function paramsFrom(
  schema: z.ZodType,
  given: Given,
): { ok: true; params: unknown } | { ok: false; problem: string } {
  const flags = Object.entries(given).filter(([, value]) => value !== undefined && value !== false)
  let problem = ''
  for (const way of waysOf(schema, [], '')) {
    const places = new Map(way.map((it) => [it.flag, it]))
    const strange = flags.find(([flag]) => !places.has(flag))
    if (strange !== undefined) {
      problem ||= `--${strange[0]} does not go with the others`
      continue
    }
    const params: Record<string, unknown> = {}
    for (const [flag, value] of flags) put(params, places.get(flag) as ParamFlag, value as string | true)
    const parsed = schema.safeParse(params)
    if (parsed.success) return { ok: true, params }
    problem = z.prettifyError(parsed.error)
  }
  return { ok: false, problem }
}

function put(params: Record<string, unknown>, { path, kind }: ParamFlag, value: string | true): void {
  let at = params
  for (const key of path.slice(0, -1)) {
    at[key] ??= {}
    at = at[key] as Record<string, unknown>
  }
  at[path.at(-1) as string] = kind === 'number' ? Number(value) : value
}

/** A cross product over fields; a schema of this catalogue has a handful of ways. */
function waysOf(schema: z.core.$ZodType, path: readonly string[], description: string): Way[] {
  const words = z.globalRegistry.get(schema)?.description ?? description
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
    return waysOf(schema.def.innerType, path, words)
  if (schema instanceof z.ZodUnion) return schema.def.options.flatMap((option) => waysOf(option, path, words))
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.def.shape).reduce<Way[]>(
      (ways, [key, field]) => ways.flatMap((way) => waysOf(field, [...path, key], '').map((rest) => [...way, ...rest])),
      [[]],
    )
  }
  const flag = (path.at(-1) ?? '').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return [[{ path, flag, kind: kindOf(schema), description: words }]]
}

function kindOf(schema: z.core.$ZodType): ParamFlag['kind'] {
  if (schema instanceof z.ZodBoolean) return 'switch'
  return schema instanceof z.ZodNumber ? 'number' : 'text'
}
