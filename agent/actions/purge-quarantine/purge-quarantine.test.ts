import { expect, test } from 'vitest'
import { purgeQuarantine as spec } from '../../../protocol/actions/purge-quarantine.ts'
import { sha256 } from '../../../protocol/file-record.ts'
import { actionId } from '../../../protocol/ids.ts'
import type { Bench } from '../../core/action.ts'
import { modelHost } from '../../host/model/host.ts'
import type { FileRecord } from '../../vault/vault.ts'
import { vaultScene } from '../../vault/vault-scene.ts'
import { linux } from './linux.ts'

/** Files taken one after the other, each a quarantine of its own that stands. */
async function taken(...files: readonly (readonly [path: string, content: string])[]) {
  const { machine, open, record } = vaultScene()
  const vault = await open()
  const records: FileRecord[] = []
  for (const [path, content] of files) {
    machine.writeFile(path, content, { mtimeNs: '1500000000987654321' })
    const one = await record(path)
    await vault.take(one)
    records.push(one)
  }
  const bench: Bench = {
    actionId: actionId.parse('01890a5d-ac96-774b-bcce-b302099a8057'),
    host: modelHost(machine),
    vault,
    bounds: { controlPlane: [], canaries: [] },
    nowMs: () => machine.nowMs,
    quarantined: (id) => {
      const found = records.find(({ item }) => item === id)
      return found === undefined ? { gone: 'it was taken back already' } : { record: found }
    },
    handOver: () => {
      throw new Error('nothing is handed over')
    },
    displace: () => {
      throw new Error('nothing is displaced')
    },
  }
  const paramsOf = (at: number) => {
    const found = records[at]
    if (found === undefined) throw new Error(`no record ${at}`)
    return spec.params.parse({ quarantine: found.item, path: found.path, sha256: found.sha256 })
  }
  return { vault, bench, records, paramsOf }
}

test('[VLT6] it says what was destroyed: name, size, hash and when the file was last changed', async () => {
  const { bench, paramsOf, vault } = await taken(['/home/u/evil', 'evil'])
  await vault.seal()
  const params = paramsOf(0)
  const { summary } = await linux.apply(bench, params, null)
  expect(summary).toContain(`/home/u/evil (4 bytes, sha256 ${params.sha256}, last changed 2017-07-14T02:40:00.987Z)`)
  expect(await vault.list()).toEqual([])
  expect(await linux.verify(bench, params, null)).toMatchObject([
    { holds: true, file: { path: params.path, sha256: params.sha256, sizeBytes: 4 } },
  ])
})

test('[VLT6] of two equal files one is purged: the preview says so, and the other can be given back', async () => {
  const { bench, paramsOf, vault, records } = await taken(['/home/u/a', 'same'], ['/home/u/b', 'same'])
  await vault.seal()
  const prepared = await linux.prepare(bench, paramsOf(0))
  expect(prepared).toMatchObject({ impact: { hurts: [{ what: 'the way back' }, { what: 'same content' }] } })
  await linux.apply(bench, paramsOf(0), null)
  const [, other] = records
  if (other === undefined) throw new Error('two were taken')
  expect(await vault.check(other)).toMatchObject({ intact: true })
  await vault.restore(other, other.path)
  await linux.apply(bench, paramsOf(1), null)
  expect(await vault.list()).toEqual([])
})

test('[VLT5] [UND1] another path, another hash, or no quarantine that stands: refused, and nothing is touched', async () => {
  const { bench, paramsOf, vault } = await taken(['/home/u/evil', 'evil'])
  const params = paramsOf(0)
  for (const [other, code] of [
    [{ path: '/home/u/else' }, 'target_changed'],
    [{ sha256: sha256.parse('0'.repeat(64)) }, 'target_changed'],
    [{ quarantine: '01890a5d-ac96-774b-bcce-b302099a8058' }, 'target_not_found'],
  ] as const) {
    const wrong = spec.params.parse({ ...params, ...other })
    expect(await linux.prepare(bench, wrong)).toMatchObject({ kind: 'refused', code })
    await expect(linux.apply(bench, wrong, null)).rejects.toMatchObject({ code })
  }
  expect(await vault.list()).toHaveLength(1)
})

test('[VLT6] a purge waits for the sealing that is under way, and leaves nothing of what it was writing', async () => {
  const { bench, paramsOf, vault } = await taken(['/home/u/evil', 'evil'.repeat(5_000_000)])
  const sealing = vault.seal()
  await linux.apply(bench, paramsOf(0), null)
  await sealing
  expect(await vault.list()).toEqual([])
  expect(vault.holds({ item: paramsOf(0).quarantine, sha256: paramsOf(0).sha256 })).toBe('nothing')
})
