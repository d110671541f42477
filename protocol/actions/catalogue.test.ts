import { describe, expect, test } from 'vitest'
import { decode, encode } from '../codec.ts'
import { filePath, toFilePath } from '../file-path.ts'
import { actionNames, catalogue, isActionName, specOf, undoTitleOf } from './index.ts'

describe('the catalogue', () => {
  test.each(actionNames)('%s says all that people and programs need to know of it', (name) => {
    const spec = specOf(name)
    expect(spec.name).toBe(name)
    expect(spec.title).toMatch(/^[A-Z]/)
    expect(spec.description).toMatch(/\.$/)
    expect(spec.technique.id).toMatch(/^D3-[A-Z]+$/)
    const params = spec.params.parse(spec.example)
    expect(spec.summarise(params)).toMatch(/^[a-z]/)
    expect(spec.target(params).key).not.toBe('')
    expect(spec.params.safeParse({ ...(spec.example as object), surplus: 1 }).success).toBe(false)
    expect(spec.params.parse(decode(encode(params)))).toEqual(params)
  })

  test.each(actionNames)('%s either names its undo or says that there is none', (name) => {
    const { undo } = specOf(name)
    if ('irreversible' in undo) expect(undo.irreversible).toMatch(/\.$/)
    else expect(undoTitleOf(name)).toMatch(/^[A-Z]/)
  })

  test('a name that only the prototype knows is no action', () => {
    expect(isActionName('constructor')).toBe(false)
    expect(isActionName('__proto__')).toBe(false)
  })

  test('[PRC1] a process cannot be named by its number alone', () => {
    expect(catalogue['kill-process'].params.safeParse({ target: { process: { pid: 7 } } }).success).toBe(false)
  })

  test('[VLT5] a file cannot be named without what it must contain', () => {
    expect(catalogue['quarantine-file'].params.safeParse({ path: '/tmp/x' }).success).toBe(false)
    expect(filePath.parse('/tmp/x')).toBe(toFilePath('/tmp/x'))
  })
})
