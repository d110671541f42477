import * as z from 'zod'
import { actionNames, specOf } from '../../protocol/actions/index.ts'

/** An action for those who build forms and commands from it. */
export const catalogueView = z
  .strictObject({
    name: z.enum(actionNames),
    title: z.string(),
    description: z.string(),
    risk: z.enum(['safe', 'disruptive', 'destructive']),
    /** MITRE D3FEND. */
    technique: z.strictObject({ tactic: z.string(), id: z.string(), name: z.string() }),
    heldInForce: z.boolean(),
    undo: z.union([z.strictObject({ title: z.string() }), z.strictObject({ irreversible: z.string() })]),
    /** JSON Schema 2020-12 of `params`. */
    params: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'CatalogueEntry' })

export const viewCatalogue = (): z.infer<typeof catalogueView>[] =>
  actionNames.map((name) => {
    const { title, description, risk, technique, heldInForce, undo, params } = specOf(name)
    return {
      name,
      title,
      description,
      risk,
      technique,
      heldInForce,
      undo: 'irreversible' in undo ? { irreversible: undo.irreversible } : { title: undo.title },
      params: z.toJSONSchema(params, { io: 'input' }),
    }
  })
