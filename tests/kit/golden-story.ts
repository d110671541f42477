import { scryptSync } from 'node:crypto'
import type { ActionId } from '../../protocol/ids.ts'
import { coreRig, type Rig } from './core-rig.ts'
import { bytesOf, type Signer, signerOf } from './orders.ts'

/** What happened on the device whose journal is kept as a golden file (JRN7), and the machine it left behind. */
export interface GoldenStory {
  readonly ids: Readonly<
    Record<'kept' | 'back' | 'swapped' | 'replaced' | 'isolated' | 'cut' | 'waiting' | 'cancelled', ActionId>
  >
  /** The encoded order of `kept`, in base64. */
  readonly keptOrder: string
  readonly machine: {
    readonly files: [string, string][]
    readonly box: [string, string][]
    readonly processes: [number, 'running' | 'suspended'][]
    readonly firewall: 'open' | 'shut'
  }
  /** The last number the server had stored. */
  readonly stored: number
}

const dayMs = 86_400_000
export const goldenCode = 'GOLD-CODE'
export const goldenGraceMs = 3_600_000
export const goldenLimitMs = 2 * goldenGraceMs
export const secondKey: Signer = signerOf('second key')

/** The device of the story: the same names and keys in every run. */
export const goldenRig = (): Rig => coreRig('golden journal')

/** Lives the story, up to a kill in the middle of an action. The journal is then the rig's journal file. */
export async function liveGoldenStory(rig: Rig): Promise<GoldenStory> {
  const next = () => rig.newId<ActionId>()
  const ids = {
    kept: next(),
    back: next(),
    swapped: next(),
    replaced: next(),
    isolated: next(),
    cut: next(),
    waiting: next(),
    cancelled: next(),
  }
  const { toy } = rig
  toy.files.set('/kept', 'kept').set('/back', 'back').set('/swapped', 'swapped')
  toy.processes.set(7, 'running').set(8, 'running')
  const core = await rig.start({ graceMs: goldenGraceMs })
  const keptOrder = rig.quarantine('/kept', { id: ids.kept })
  const inTurn = async (...orders: Parameters<typeof core.order>[0][]) => {
    for (const order of orders) {
      await core.order(order)
      await core.settled()
    }
  }
  await inTurn(keptOrder, rig.quarantine('/back', { id: ids.back }), rig.undoing(ids.back, 'quarantine-file'))
  await inTurn(rig.quarantine('/swapped', { id: ids.swapped }))
  toy.files.set('/swapped', 'somebody else')
  await inTurn(rig.undoing(ids.swapped, 'quarantine-file', { id: ids.replaced, onConflict: 'replace' }))
  await inTurn(rig.doing('isolate-device', {}, { id: ids.isolated, until: rig.clock.nowMs() + goldenLimitMs }))
  await core.cancel(ids.cancelled)
  const { keyId, publicKey } = secondKey
  core.trustKey(rig.signer.sign('key', bytesOf({ v: 1, keyId, publicKey, retires: [], issuedAt: rig.clock.nowMs() })))
  core.grant(rig.signer.sign('breakGlass', bytesOf(grantFor(rig))))
  const stored = 3
  core.outbox.stored(stored)

  const target = { process: { pid: 7, startedAt: '1', bootId: 'b0' } }
  rig.cutAt({ event: eventsUntilIntended })
  await Promise.all([
    core.order(rig.doing('suspend-process', { target, tree: true }, { id: ids.cut })),
    core.order(rig.doing('suspend-process', { target, tree: true }, { id: ids.waiting })),
  ])
  await core.settled()
  if (rig.events.at(-1) !== 'after intended') throw new Error(`cut at another place: ${rig.events.at(-1)}`)
  await rig.bury()
  const { files, box, processes, firewall } = toy
  return {
    ids,
    keptOrder: Buffer.from(bytesOf(keptOrder)).toString('base64'),
    machine: { files: [...files], box: [...box], processes: [...processes], firewall },
    stored,
  }
}

/** Both orders received, one begun and intended: before and after each. */
const eventsUntilIntended = 8

function grantFor(rig: Rig) {
  const salt = new Uint8Array(16)
  const code = goldenCode.replaceAll('-', '')
  const hash = new Uint8Array(scryptSync(code, salt, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_048_576 }))
  const { deviceId, clock } = rig
  return {
    v: 1,
    deviceId,
    grantId: 'aa11bb22',
    salt,
    hash,
    notBefore: clock.nowMs(),
    expiresAt: clock.nowMs() + 99 * dayMs,
  }
}
