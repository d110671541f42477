import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { decode, encode } from './codec.ts'
import { breakGlassGrant, keyStatement, leaf, mandate } from './mandate.ts'
import { deviceMessage, report, serverMessage } from './messages.ts'
import { outcome } from './outcome.ts'

const schemas = { device: deviceMessage, server: serverMessage, mandate, leaf, keyStatement, breakGlassGrant } as const

const goldenFrame = z.strictObject({
  schema: z.enum(Object.keys(schemas) as [keyof typeof schemas, ...(keyof typeof schemas)[]]),
  hex: z.string(),
  means: z.record(z.string(), z.unknown()),
})

/** Frames as version 1 wrote them, and what it came to say since. They are never written anew: a reader that fails them has forgotten the past. */
const frames = ['frames-v1.json', 'frames-v1-purge.json', 'frames-v2-content.json'].flatMap((name) =>
  z.array(goldenFrame).parse(JSON.parse(readFileSync(new URL(`./golden/${name}`, import.meta.url), 'utf8'))),
)

/** Bytes shown as the file shows them. */
const shown = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, inner: unknown) => {
      if (
        typeof inner === 'object' &&
        inner !== null &&
        'type' in inner &&
        inner.type === 'Buffer' &&
        'data' in inner
      ) {
        return { hex: Buffer.from(z.array(z.int()).parse(inner.data)).toString('hex') }
      }
      return inner
    }),
  )

describe('golden frames', () => {
  test.each(frames.map((frame, at) => ({ ...frame, at })))(
    '[JRN7] $schema frame $at is read as it was meant',
    ({ schema, hex, means }) => {
      const value = decode(Buffer.from(hex, 'hex'))
      expect(shown(schemas[schema].parse(value))).toEqual(means)
      expect(Buffer.from(encode(value)).toString('hex')).toBe(hex)
    },
  )

  test('[JRN7] every message, report and outcome has one', () => {
    const all = JSON.stringify(frames.map(({ means }) => means))
    const named = (options: readonly { shape: Record<string, z.ZodType> }[], key: string) =>
      options.map(({ shape }) => `"${key}":"${String((shape[key] as z.ZodLiteral).value)}"`)
    for (const text of [
      ...named(deviceMessage.options, 'type'),
      ...named(serverMessage.options, 'type'),
      ...named(report.options, 'kind'),
      ...named(outcome.options, 'status'),
    ]) {
      expect(all).toContain(text)
    }
  })
})
