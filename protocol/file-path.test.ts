import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { childPath, type FilePath, filePath, isWithin, joinPath, splitPath, toFilePath } from './file-path.ts'

const name = fc
  .uint8Array({ minLength: 1, maxLength: 255 })
  .filter(
    (bytes) =>
      !bytes.includes(0) && !bytes.includes(0x2f) && !(bytes.length <= 2 && bytes.every((byte) => byte === 0x2e)),
  )

describe('paths', () => {
  test('[UND3] every name a Linux file can bear has exactly one text, and comes back from it byte by byte', () => {
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 6 }), (names) => {
        const text = joinPath({ root: '/', names })
        expect(filePath.parse(text)).toBe(text)
        expect(splitPath(text).names.map((bytes) => [...bytes])).toEqual(names.map((bytes) => [...bytes]))
      }),
    )
  })

  test.each(['/tmp/a\nb', '/tmp/ü', 'C:\\Windows\\notepad.exe', 'file:///tmp/a%FFb', '/tmp/100%'])(
    '%j is a path',
    (text) => {
      expect(filePath.parse(text)).toBe(text)
    },
  )

  test.each([
    ['relative', 'tmp/x'],
    ['up and away', '/tmp/../etc/passwd'],
    ['through itself', '/tmp/./x'],
    ['doubled slash', '/tmp//x'],
    ['trailing slash', '/tmp/x/'],
    ['zero byte', '/tmp/x\0y'],
    ['the root', '/'],
    ['a second text for an ordinary name', 'file:///tmp/x'],
    ['a second text for an odd name', 'file:///tmp/a%ffb'],
    ['an encoded separator', 'file:///tmp/a%2Fb%FF'],
    ['an encoded way up', 'file:///tmp/%2E%2E/%FF'],
    ['another host', 'file://server/share%FF'],
    ['a lone surrogate', '/tmp/\ud800'],
    ['a share', '\\\\server\\share'],
    ['a name of 256 bytes', `/${'x'.repeat(256)}`],
  ])('[UND1] %s is not', (_, text) => {
    expect(filePath.safeParse(text).success).toBe(false)
  })

  test('[TRU5] within means below by components, not by letters', () => {
    const at = (text: string) => filePath.parse(text)
    expect(isWithin(at('/play/ground/x'), at('/play/ground'))).toBe(true)
    expect(isWithin(at('/play/ground'), at('/play/ground'))).toBe(true)
    expect(isWithin(at('/play/grounds'), at('/play/ground'))).toBe(false)
    expect(isWithin(at('/play'), at('/play/ground'))).toBe(false)
  })

  test('a person may write the file:// form of an ordinary path; it is turned into the one text', () => {
    expect(toFilePath('file:///tmp/x')).toBe('/tmp/x')
    expect(toFilePath('x')).toBeNull()
    expect(childPath('/tmp' as FilePath, Uint8Array.of(0xff))).toBe('file:///tmp/%FF')
  })
})
