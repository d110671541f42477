import { describe, expect, test } from 'vitest'
import { actionNames, catalogue, specOf } from '../../protocol/actions/index.ts'
import { flagsOf, paramsFrom } from './param-flags.ts'

const sha256 = 'a'.repeat(64)

describe('flags for the parameters of an action', () => {
  test.each(actionNames)('[API3] %s can be asked for by flags alone', (name) => {
    const given: Record<string, string | boolean> = {}
    const spread = (value: unknown, path: string[]): void => {
      if (typeof value === 'object' && value !== null)
        return Object.entries(value).forEach(([key, inner]) => spread(inner, [...path, key]))
      const flag =
        flagsOf(specOf(name).params).find((it) => it.path.join('.') === path.join('.'))?.flag ??
        path.at(-1)?.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`) ??
        ''
      given[flag] = typeof value === 'boolean' ? value : String(value)
    }
    spread(specOf(name).example, [])
    expect(paramsFrom(specOf(name).params, given)).toEqual({ ok: true, params: specOf(name).example })
  })

  test('a process is named by number, start and boot, or by its image', () => {
    const { params } = catalogue['kill-process']
    expect(flagsOf(params).map(({ flag }) => flag)).toEqual(['pid', 'started-at', 'boot-id', 'image-sha256', 'tree'])
    expect(paramsFrom(params, { 'image-sha256': sha256, tree: true })).toEqual({
      ok: true,
      params: { target: { imageSha256: sha256 }, tree: true },
    })
  })

  test('[PRC1] a number alone is not enough, and the answer says what is missing', () => {
    const read = paramsFrom(catalogue['kill-process'].params, { pid: '7' })
    expect(read).toMatchObject({ ok: false })
    expect(read.ok ? '' : read.problem).not.toBe('')
  })
})
