import { describe, expect, test } from 'vitest'
import { actionNames, specOf } from '../../protocol/actions/index.ts'
import { type EvidenceItem, evidenceItem } from '../alerts/alert.ts'
import { aHash } from '../test-app.ts'
import { contentOf, itemKey, memberFor, pathOf, remedyFor } from './remedies.ts'

const item = (value: object): EvidenceItem => evidenceItem.parse(value)
const exact = { pid: 7, startedAt: '42', bootId: 'b007' }

/** One of each kind, and what is done about it: an action, or null for none. */
const table: [object, string | null][] = [
  [{ kind: 'file', path: '/tmp/x', sha256: aHash }, 'quarantine-file'],
  [{ kind: 'file', path: '/tmp/x' }, null],
  [{ kind: 'file', path: 'C:\\x', sha256: aHash }, null],
  [{ kind: 'process', pid: 7, process: exact }, 'kill-process'],
  [{ kind: 'process', pid: 7, imageSha256: aHash }, 'kill-process'],
  [{ kind: 'process', pid: 7, image: '/tmp/x' }, null],
  [{ kind: 'service', name: 'cron' }, null],
  [{ kind: 'driver', name: 'vbox' }, null],
  [{ kind: 'registry-key', key: 'HKLM\\x' }, null],
  [{ kind: 'scheduled-task', name: 'x' }, null],
  [{ kind: 'startup-item', name: 'x' }, null],
  [{ kind: 'address', address: '192.0.2.1' }, null],
  [{ kind: 'url', url: 'http://x' }, null],
  [{ kind: 'account', name: 'ann' }, null],
  [{ kind: 'device' }, null],
]

describe('what helps against a thing', () => {
  test('has a row for each kind of evidence', () => {
    const kinds = evidenceItem.options.map((it) => it.shape.kind.value)
    expect(new Set(table.map(([it]) => item(it).kind))).toEqual(new Set(kinds))
  })

  test.each(table)('[POL4] %j → %s', (value, action) => {
    const remedy = remedyFor(item(value), 'linux')
    if (action === null) {
      expect(remedy).toMatchObject({ none: expect.stringMatching(/\.$/) })
      return
    }
    if ('none' in remedy) throw new Error(remedy.none)
    expect(remedy.action).toBe(action)
    expect(actionNames).toContain(remedy.action)
    const member = memberFor(remedy)
    expect(specOf(remedy.action).params.safeParse(JSON.parse(member.params)).success).toBe(true)
    expect(member.target.key).not.toBe('')
  })

  test('[PRC1] an exact process is preferred to every process of its image', () => {
    const remedy = remedyFor(item({ kind: 'process', pid: 7, process: exact, imageSha256: aHash }), 'linux')
    expect(remedy).toMatchObject({ params: { target: { process: exact }, tree: false } })
  })

  test('[POL2] a path of another platform lies nowhere', () => {
    const file = item({ kind: 'file', path: 'C:\\Windows\\x', sha256: aHash })
    expect(pathOf(file, 'windows')).toBe('C:\\Windows\\x')
    expect(pathOf(file, 'linux')).toBeNull()
    expect(pathOf(item({ kind: 'service', name: 'x', image: '/usr/bin/x' }), 'linux')).toBe('/usr/bin/x')
  })

  test('two finds are one thing when what says which one it is agrees', () => {
    const file = { kind: 'file', path: '/tmp/x', sha256: aHash }
    expect(itemKey(item({ ...file, sizeBytes: 4 }))).toBe(itemKey(item(file)))
    expect(itemKey(item({ ...file, sha256: 'a'.repeat(64) }))).not.toBe(itemKey(item(file)))
    const process = { kind: 'process', pid: 7, process: exact }
    expect(itemKey(item({ ...process, commandLine: 'x --now' }))).toBe(itemKey(item(process)))
    expect(itemKey(item({ ...process, process: { ...exact, startedAt: '43' } }))).not.toBe(itemKey(item(process)))
    expect(contentOf(item(file))).toBe(aHash)
  })
})
