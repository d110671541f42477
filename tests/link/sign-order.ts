import { createHash, randomBytes } from 'node:crypto'
import type { ActionName } from '../../protocol/actions/index.ts'
import { encode } from '../../protocol/codec.ts'
import { type ActionId, type DeviceId, type MandateId, newId } from '../../protocol/ids.ts'
import type { Leaf, Mandate, Order } from '../../protocol/mandate.ts'
import { merkleTree } from '../../protocol/merkle.ts'
import type { Plane } from './control-plane.ts'

const source = { nowMs: Date.now, random16: () => randomBytes(16) }
export const newActionId = () => newId<ActionId>(source)

/** An order as the control plane would sign it, put into its queue and sent when the device is there. */
export function decide(plane: Plane, deviceId: DeviceId, action: ActionName, params: unknown): ActionId {
  const actionId = newActionId()
  const leaf: Leaf = { v: 1, kind: 'do', actionId, deviceId, params }
  const body = encode(leaf)
  const { root, proofs } = merkleTree([body], (bytes) => createHash('sha256').update(bytes).digest())
  const now = Date.now()
  const mandate: Mandate = {
    v: 1,
    mandateId: newId<MandateId>(source),
    kind: 'do',
    action,
    root: new Uint8Array(root),
    size: 1,
    comment: 'because the test says so',
    requestedBy: 'test',
    decidedBy: ['test'],
    issuedAt: now,
    notBefore: now,
    expiresAt: now + 3_600_000,
    until: null,
  }
  const [proof] = proofs
  if (proof === undefined) throw new Error('a tree of one leaf has one proof')
  const order: Order = {
    mandate: plane.keys.mandate().sign('mandate', encode(mandate)),
    leaf: new Uint8Array(body),
    proof: { ...proof, path: proof.path.map((step) => new Uint8Array(step)) },
  }
  const queue = plane.actions.orders.get(deviceId) ?? []
  plane.actions.orders.set(deviceId, [...queue, { action: actionId, order }])
  plane.gateway.nudge(deviceId)
  return actionId
}
