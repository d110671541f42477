import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import { preview as previewSchema } from '../../protocol/outcome.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { hashOf } from '../../tests/kit/toy-machine.ts'
import type { Core, PreviewAsk } from './core.ts'

let rig: Rig
let core: Core
beforeEach(async () => {
  rig = coreRig()
  rig.toy.files.set('/a', 'bad')
  core = await rig.start()
})
afterEach(() => rig.dispose())

/** The answer, after making sure that nothing was touched or written for it. */
async function asked(ask: PreviewAsk) {
  const before = [rig.toy.look(), core.outbox.after(0, 1_000).length]
  const answer = previewSchema.parse(await core.preview(ask))
  expect([rig.toy.look(), core.outbox.after(0, 1_000).length]).toEqual(before)
  return answer
}

const ofFile = (path: string, content: string): PreviewAsk => ({
  kind: 'do',
  action: 'quarantine-file',
  params: { path, sha256: hashOf(content) },
})

describe('[LIFE10] a preview', () => {
  test('says what would be done, or why not, without touching anything', async () => {
    expect(await asked(ofFile('/a', 'bad'))).toMatchObject({ answer: 'ready', would: ['take /a'] })
    expect(await asked(ofFile('/a', 'other'))).toMatchObject({ answer: 'refused', code: 'target_changed' })
    expect(await asked(ofFile('a', 'bad'))).toMatchObject({ answer: 'refused', code: 'params_invalid' })
    rig.toy.firewall = 'shut'
    const isolation: PreviewAsk = { kind: 'do', action: 'isolate-device', params: {} }
    expect(await asked(isolation)).toMatchObject({ answer: 'ready', would: ['do nothing: it is shut'] })
  })

  test('answers a fault of its own without its inside', async () => {
    rig.toy.pause = () => Promise.reject(new Error('secret inside'))
    const answer = await asked(ofFile('/a', 'bad'))
    expect(answer).toMatchObject({ answer: 'refused', code: 'internal' })
    expect(JSON.stringify(answer)).not.toContain('secret')
  })

  test('of an undo says what is put back, and what stands in the way', async () => {
    const id = rig.newId<ActionId>()
    expect(await asked({ kind: 'undo', undoOf: id })).toMatchObject({ answer: 'refused', code: 'nothing_to_undo' })
    await core.order(rig.quarantine('/a', { id }))
    await core.settled()
    expect(await asked({ kind: 'undo', undoOf: id })).toMatchObject({
      answer: 'ready',
      would: [expect.stringContaining('Release from quarantine'), 'put /a back: 3 bytes'],
    })
    rig.toy.files.set('/a', 'somebody else')
    expect(await asked({ kind: 'undo', undoOf: id })).toMatchObject({
      answer: 'ready',
      would: [expect.stringMatching(/stop and ask.*beside, replace/), expect.anything(), expect.anything()],
      hurts: [{ what: '/a', detail: expect.stringContaining('somebody else') }],
    })
    rig.toy.box.clear()
    expect(await asked({ kind: 'undo', undoOf: id })).toMatchObject({
      would: ['do nothing: /a is not in the box'],
    })
  })
})
