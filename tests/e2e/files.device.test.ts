import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { filePath, splitPath } from '../../protocol/file-path.ts'
import { vaultPage } from '../../server/vault/list.ts'
import { type Stage, setStage } from './stage.ts'

const script = join(import.meta.dirname, 'odd-files-inside.ts')
const made = z.record(z.string(), z.object({ path: filePath, sha256: z.string() }))
const fingerprint = z.object({ nlink: z.string() }).loose().nullable()

/** Names of what `odd-files-inside.ts` makes, so that each is a test of its own. */
const names = [
  'extended attributes',
  'access list',
  'capability',
  'times to the nanosecond',
  'owner and special bits',
  'a line break in the name',
  'a name that is no UTF-8',
  'a name of 255 bytes',
  'an empty file',
  'an immutable file',
  'a sparse file',
  'a hard-linked file',
  'a file that runs',
  'a file on another file system',
  'a file of 1 GiB',
]

describe('files on a real device, quarantined and restored by approved orders', () => {
  let stage: Stage
  let files: z.infer<typeof made>

  const inside = async (...words: string[]) => {
    const said = await stage.device.run([process.execPath, '--disable-warning=ExperimentalWarning', script, ...words], {
      timeoutMs: 600_000,
    })
    return JSON.parse(said) as unknown
  }
  const look = async (path: z.infer<typeof filePath>) => {
    const bytes = Buffer.concat(splitPath(path).names.flatMap((name) => [Buffer.from('/'), name]))
    return fingerprint.parse(await inside('look', bytes.toString('base64')))
  }

  beforeAll(async () => {
    stage = await setStage('files')
    files = made.parse(await inside('make'))
  })
  afterAll(async () => await stage[Symbol.asyncDispose]())

  test('every odd file of the list was made', () => {
    expect(Object.keys(files).sort()).toEqual([...names].sort())
  })

  test.each(names)('[UND3] [VLT1] %s', async (name) => {
    const file = files[name]
    if (file === undefined) throw new Error(`no such file: ${name}`)
    const before = await look(file.path)
    const preview = await stage.preview('quarantine-file', file)
    expect(preview.answer).toBe('ready')
    expect(await look(file.path), 'a preview leaves no trace').toEqual(before)

    const taken = await stage.act('quarantine-file', file)
    expect(taken.outcome).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    expect(await look(file.path)).toBeNull()
    expect(await stage.inForce()).toContain(taken.id)

    const restored = await stage.undo(taken)
    expect(restored.outcome).toMatchObject({ status: 'succeeded' })
    const after = await look(file.path)
    // What no restore can bring back is not passed over: it is named.
    if (name === 'a hard-linked file' && after?.nlink !== before?.nlink) {
      expect(JSON.stringify(restored.outcome)).toMatch(/hard link/i)
      expect({ ...after, nlink: before?.nlink }).toEqual(before)
    } else expect(after).toEqual(before)
    expect(await stage.inForce()).not.toContain(taken.id)
  })

  test('[VLT5] a file that is no longer what was approved stays where it is', async () => {
    await stage.device.put('/srv/odd/changed', 'another content')
    const before = await look(filePath.parse('/srv/odd/changed'))
    const refused = await stage.act('quarantine-file', { path: '/srv/odd/changed', sha256: 'a'.repeat(64) })
    expect(refused).toMatchObject({ status: 'refused', outcome: { code: 'target_changed' } })
    expect(await look(filePath.parse('/srv/odd/changed'))).toEqual(before)
  })

  test.each([
    ['a FIFO', ['mkfifo', '/srv/odd/pipe'], '/srv/odd/pipe', 'target_not_regular'],
    ['a device', ['mknod', '/srv/odd/node', 'c', '1', '3'], '/srv/odd/node', 'target_not_regular'],
    ['a directory', ['mkdir', '/srv/odd/folder'], '/srv/odd/folder', 'target_not_regular'],
    ['a symbolic link', ['ln', '-s', '/etc/passwd', '/srv/odd/link'], '/srv/odd/link', 'target_behind_link'],
    ['a path through a link', ['ln', '-s', '/etc', '/srv/odd/etc'], '/srv/odd/etc/passwd', 'target_behind_link'],
    ['the C library', ['true'], '/usr/lib/x86_64-linux-gnu/libc.so.6', 'target_protected'],
    ['the journal of the agent', ['true'], '/var/lib/recourse/journal.db', 'target_protected'],
  ] as const)('[VLT3] %s is refused by its code and left alone', async (_, prepare, path, code) => {
    await stage.device.run([...prepare] as [string, ...string[]])
    const hash = await stage.device.exec(['sha256sum', path], { timeoutMs: 5_000 })
    const known = /^[0-9a-f]{64}/.exec(hash.stdout)?.[0] ?? 'b'.repeat(64)
    const refused = await stage.act('quarantine-file', { path, sha256: known })
    expect(refused).toMatchObject({ status: 'refused', outcome: { code } })
    expect((await stage.device.exec(['test', '-e', path])).status).toBe(0)
  })

  test('[UND2] a restore where something else stands now is a conflict; beside and replace are the operator’s to choose', async () => {
    const path = '/srv/odd/contested'
    await stage.device.put(path, 'the first')
    const sha256 = (await stage.device.run(['sha256sum', path])).slice(0, 64)
    const taken = await stage.act('quarantine-file', { path, sha256 })
    await stage.device.put(path, 'the second')
    const conflict = await stage.undo(taken)
    expect(conflict).toMatchObject({
      status: 'conflict',
      outcome: { code: 'place_taken', choices: expect.arrayContaining(['beside', 'replace']) },
    })
    expect(await stage.device.run(['cat', path])).toBe('the second')

    const replaced = await stage.undo(taken, 'replace')
    expect(replaced.outcome).toMatchObject({ status: 'succeeded' })
    expect(await stage.device.run(['cat', path])).toBe('the first')
    // What was replaced is in the vault under the undo's own id, so that it can be had back too.
    expect(await stage.inForce()).toContain(replaced.id)
  })

  test('[VLT6] what is purged is listed with its size before, gone from the disk after, and never put back', async () => {
    const path = '/srv/odd/known-bad'
    await stage.device.put(path, 'known to be bad')
    const sha256 = (await stage.device.run(['sha256sum', path])).slice(0, 64)
    const taken = await stage.act('quarantine-file', { path, sha256 })
    const listed = await stage.api.get(`/v1/vault?sha256=${sha256}`, vaultPage)
    expect(listed.items).toMatchObject([{ path, sizeBytes: 15, state: 'held', alike: 1 }])
    const inVault = () => stage.device.run(['find', '/var/lib/recourse/vault', '-name', `*${taken.id}*`])
    expect(await inVault()).not.toBe('')

    const params = { quarantine: taken.id, path, sha256 }
    expect(await stage.preview('purge-quarantine', params)).toMatchObject({ answer: 'ready' })
    expect(await inVault(), 'a preview destroys nothing').not.toBe('')
    const wrong = await stage.act('purge-quarantine', { ...params, sha256: 'a'.repeat(64) })
    expect(wrong).toMatchObject({ status: 'refused', outcome: { code: 'target_changed' } })
    const purged = await stage.act('purge-quarantine', params)
    expect(purged).toMatchObject({ status: 'succeeded', effect: 'none', canUndo: false })
    expect(await inVault()).toBe('')
    expect(await stage.device.run(['find', '/var/lib/recourse/vault', '-name', `*${sha256}*`])).toBe('')

    const gone = await stage.api.get(`/v1/vault?state=purged&sha256=${sha256}`, vaultPage)
    expect(gone.items).toMatchObject([{ state: 'purged', goneBy: purged.id }])
    expect(await stage.inForce()).not.toContain(taken.id)
    await expect(stage.undo(taken)).rejects.toMatchObject({ code: 'purged' })
  })
})
