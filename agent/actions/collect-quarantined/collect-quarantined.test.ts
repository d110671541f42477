import { expect, test } from 'vitest'
import { collectQuarantined as spec } from '../../../protocol/actions/collect-quarantined.ts'
import { sha256 } from '../../../protocol/file-record.ts'
import { actionId } from '../../../protocol/ids.ts'
import type { Bench } from '../../core/action.ts'
import { modelHost } from '../../host/model/host.ts'
import type { FileRecord } from '../../vault/vault.ts'
import { vaultScene } from '../../vault/vault-scene.ts'
import { takeOver } from '../scene-contract.ts'
import { linux } from './linux.ts'

/** A file in the vault, and what was handed over of it. */
async function taken(content: string, sealed: boolean) {
  const { machine, open, record: recordFor } = vaultScene()
  const vault = await open()
  machine.writeFile('/home/u/evil', content)
  const record = await recordFor('/home/u/evil')
  await vault.take(record)
  if (sealed) await vault.seal()
  const handed: FileRecord[] = []
  const bench: Bench = {
    actionId: actionId.parse('01890a5d-ac96-774b-bcce-b302099a8057'),
    host: modelHost(machine),
    vault,
    bounds: { controlPlane: [], canaries: [] },
    nowMs: () => machine.nowMs,
    quarantined: (id) => (id === record.item ? { record } : { gone: 'it was taken back already' }),
    handOver: async (one) => {
      await takeOver(vault, one)
      handed.push(one)
    },
    displace: () => {
      throw new Error('nothing is displaced')
    },
  }
  const params = spec.params.parse({ quarantine: record.item, path: record.path, sha256: record.sha256 })
  return { bench, vault, params, handed, record }
}

test('[VLT7] the preview says how large it is and where it goes', async () => {
  const { bench, params } = await taken('evil', true)
  const prepared = await linux.prepare(bench, params)
  if (prepared.kind !== 'ready') throw new Error(prepared.kind)
  expect(prepared.impact.would.join(' ')).toContain('/home/u/evil (4 bytes, sha256 ')
  expect(prepared.impact.would.join(' ')).toContain('sent to the control plane')
})

test.each([
  ['plain', false],
  ['sealed', true],
])('[VLT7] a %s file of several parts is handed over whole, and the vault keeps it', async (_, sealed) => {
  const { bench, params, handed, vault, record } = await taken('evil'.repeat(700_000), sealed)
  await linux.apply(bench, params, null)
  expect(handed).toEqual([record])
  expect(await vault.check(record)).toMatchObject({ intact: true })
  expect(await linux.verify(bench, params, null)).toMatchObject([{ holds: true }])
})

test('[VLT5] [UND1] another path, another hash, or no quarantine that stands: refused, and nothing is handed over', async () => {
  const { bench, params, handed, vault, record } = await taken('evil', true)
  for (const [other, code] of [
    [{ path: '/home/u/else' }, 'target_changed'],
    [{ sha256: sha256.parse('0'.repeat(64)) }, 'target_changed'],
    [{ quarantine: '01890a5d-ac96-774b-bcce-b302099a8058' }, 'target_not_found'],
  ] as const) {
    const wrong = spec.params.parse({ ...params, ...other })
    expect(await linux.prepare(bench, wrong)).toMatchObject({ kind: 'refused', code })
    await expect(linux.apply(bench, wrong, null)).rejects.toMatchObject({ code })
  }
  await vault.release(record)
  expect(await linux.prepare(bench, params)).toMatchObject({ kind: 'refused', code: 'target_not_found' })
  expect(handed).toEqual([])
})
