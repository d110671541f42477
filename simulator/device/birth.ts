import { createHash } from 'node:crypto'
import type { Snapshot } from '../../agent/host/model/snapshot.ts'
import type { Scene } from './scenery.ts'

/** How a machine was before anybody acted on it: a short digest for each thing on it. */
export type Birth = ReadonlyMap<string, string>

const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16)

export const birthOf = (scene: Scene): Birth => new Map(thingsOf(scene))

/** A machine that has started again has other processes; its files and what holds over a restart are as they were. */
export const bornAgain = (birth: Birth, scene: Scene): Birth => {
  const isOfThisBoot = (thing: string) => thing.startsWith('process ') || thing === 'connections'
  const kept = [...birth].filter(([thing]) => !isOfThisBoot(thing))
  return new Map([...kept, ...[...thingsOf(scene)].filter(([thing]) => isOfThisBoot(thing))])
}

/** What differs from the birth: `file /x`, `process 12`, `tables`, `restart`, `connections`; sorted. */
export function changedSince(birth: Birth, scene: Scene): string[] {
  const now = new Map(thingsOf(scene))
  const changed = new Set<string>()
  for (const [thing, is] of now) if (birth.get(thing) !== is) changed.add(thing)
  for (const thing of birth.keys()) if (!now.has(thing)) changed.add(thing)
  return [...changed].sort()
}

function* thingsOf({ machine, stateFolder }: Scene): Generator<readonly [string, string]> {
  const snapshot: Snapshot = machine.snapshot({ without: [stateFolder] })
  for (const [path, view] of Object.entries(snapshot.files)) yield [`file ${path}`, digest(view)]
  for (const [pid, view] of Object.entries(snapshot.processes)) yield [`process ${pid}`, digest(view)]
  yield ['tables', digest(snapshot.tables)]
  yield ['restart', digest(snapshot.heldOverRestart)]
  yield ['connections', digest(snapshot.connections)]
}
