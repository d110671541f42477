import { describe, expectTypeOf, test } from 'vitest'
import type { InverseOf, ParamsOf } from '../../protocol/action-spec.ts'
import type { Catalogue } from '../../protocol/actions/index.ts'
import { defineImpl, type ImplementationOf, type Registry, unsupported } from './action.ts'

declare const quarantine: ImplementationOf<'quarantine-file'>
declare const kill: ImplementationOf<'kill-process'>

describe('what does not compile', () => {
  test('an action that can be undone and does not know how', () => {
    const { revert: _, ...without } = quarantine
    // @ts-expect-error revert is missing
    defineImpl('quarantine-file', without)
  })

  test('an implementation under the name of another action', () => {
    // @ts-expect-error its parameters and its record are those of quarantine-file
    defineImpl('isolate-device', quarantine)
  })

  test('a registry without one of its platforms', () => {
    // @ts-expect-error windows is missing
    const entry: Registry['kill-process'] = { linux: kill }
    expectTypeOf(entry).toHaveProperty('linux')
  })

  test('a registry without one of its actions', () => {
    const none = unsupported('a sentence')
    // @ts-expect-error isolate-device is missing
    const registry: Registry = {
      'quarantine-file': { linux: none, windows: none },
      'kill-process': { linux: none, windows: none },
      'suspend-process': { linux: none, windows: none },
    }
    expectTypeOf(registry).not.toBeAny()
  })

  test('parameters of the wrong action', () => {
    const params = { path: '/x', sha256: 'a' }
    // @ts-expect-error a text is no checked path
    const wrong: ParamsOf<Catalogue['quarantine-file']> = params
    expectTypeOf(wrong).not.toBeAny()
  })

  test('an inverse record for an action that has none', () => {
    expectTypeOf<InverseOf<Catalogue['kill-process']>>().toBeNull()
    expectTypeOf<InverseOf<Catalogue['suspend-process']>>().not.toBeNull()
  })
})
