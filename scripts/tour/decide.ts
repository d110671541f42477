import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionView } from '../../server/actions/views.ts'
import type { ControlPlane } from './control-plane.ts'
import type { Person } from './people.ts'

/** Ann asks for an action; it waits for somebody else. */
export async function propose({ ann }: ControlPlane, action: string, flags: readonly string[]): Promise<ActionView> {
  const [asked] = await ann.ask<ActionView[]>('propose', action, ...flags, '--comment', `the tour asks for ${action}`)
  if (asked === undefined) throw new Error(`asking for ${action} made no action`)
  return asked
}

/** Ben approves, and the action is answered when it has ended, however it has. */
export async function approve({ ben }: ControlPlane, { id }: Pick<ActionView, 'id'>): Promise<ActionView> {
  const { status, err } = await ben.recourse('approve', id, '--comment', 'agreed', '--wait')
  if (status === null) throw new Error(`the action ${id} did not end in time: ${err}`)
  return ben.ask<ActionView>('show', id)
}

/** Ann asks for the undo, ben approves it. */
export async function undo(plane: ControlPlane, { id }: Pick<ActionView, 'id'>): Promise<ActionView> {
  const [asked] = await plane.ann.ask<ActionView[]>('undo', id, '--comment', 'it was harmless')
  if (asked === undefined) throw new Error(`asking for the undo of ${id} made no action`)
  return approve(plane, asked)
}

/** Ids of what is in force on a device, as the control plane knows it. */
export async function inForceOn(person: Person, device: string): Promise<string[]> {
  const { items } = await person.ask<{ items: { id: string }[] }>('in-force', '--device', device)
  return items.map(({ id }) => id)
}

/** Waits until the control plane sees the device connected, or not. */
export async function connectionIs(person: Person, device: string, wanted: boolean): Promise<boolean> {
  const until = performance.now() + 60_000
  while (performance.now() < until) {
    const [{ connected } = { connected: !wanted }] = (
      await person.ask<{ name: string; id: string; connected: boolean }[]>('devices', 'list')
    ).filter(({ name, id }) => name === device || id === device)
    if (connected === wanted) return true
    await sleep(100)
  }
  return false
}
