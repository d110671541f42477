import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { readIdentity } from '../../agent/link/identity.ts'
import type { Gap, Preview } from '../../protocol/outcome.ts'
import {
  type AgentPlace,
  type AgentProcess,
  callAgent,
  enrolAgent,
  startAgentProcess,
  statusOnceConnected,
} from '../start/agent-process.ts'
import { sha256At } from '../start/playground.ts'
import type { ControlPlane } from './control-plane.ts'
import { approve, connectionIs, inForceOn, propose, undo } from './decide.ts'
import { differences, makeOddFile, type Portrait, portraitOf } from './odd-file.ts'
import type { Report } from './report.ts'

/** The file of the story, and the device that it lies on. */
export interface TakenFile {
  readonly place: AgentPlace
  readonly device: string
  readonly path: string
  /** The flags that name it. */
  readonly target: readonly string[]
  readonly before: Portrait
}

/** A file is taken from this machine and brought back, by a real agent that may touch one folder. `onEnd` is given what has to be ended. */
export async function fileStory(
  plane: ControlPlane,
  folder: string,
  host: string,
  report: Report,
  onEnd: (work: () => Promise<unknown>) => void,
): Promise<TakenFile> {
  const playground = join(folder, 'playground')
  mkdirSync(playground)
  const place: AgentPlace = {
    state: join(folder, 'agent'),
    policy: join(folder, 'policy.json'),
    log: join(folder, 'agent.log'),
  }
  writeFileSync(place.policy, JSON.stringify({ onlyWithin: [playground] }), { mode: 0o600 })

  report.part('A device enrols')
  const { token } = await plane.admin.ask<{ token: string }>('devices', 'token')
  const enrolServer = `${host}:${plane.server.enrolPort}`
  await enrolAgent(place, enrolServer, token)
  const identity = readIdentity(place.state)
  const device = identity?.deviceId ?? ''
  report.claim('the agent makes its own key and enrols with a one-time token', device !== '', identity)
  const stranger = { ...place, state: join(folder, 'stranger') }
  const again = await callAgent(['enrol', '--server', enrolServer, '--token', '-'], stranger, token)
  report.claim('the token does not let a second device in', again.status === 3, again)
  let agent: AgentProcess = startAgentProcess(place)
  onEnd(() => agent.stop())
  const status = await statusOnceConnected(place, 60_000)
  report.claim(
    `${hostname()} is connected over mutual TLS`,
    status?.link === 'connected',
    status ?? readFileSync(place.log, 'utf8'),
  )
  for (const { action, support, reason } of status?.capabilities ?? [])
    if (reason !== '') report.note(`${action}: ${support}, ${reason}`)

  report.part('A suspicious file')
  const path = join(playground, 'invoice 2026-11.pdf.exe')
  const refused = makeOddFile(path)
  const before = portraitOf(path)
  if (before === null) throw new Error(`${path} was not made`)
  report.note(`${path}`)
  report.note(
    `mode ${before.mode}, owner ${before.owner}, modified ${before.modified} ns, ${before.attributes.length} extended attributes`,
  )
  if (refused.length > 0) report.note(`this file system took no ${refused.join(', ')}`)

  const target = ['--device', device, '--path', path, '--sha256', before.bytes]
  const preview = await plane.ann.ask<Preview>('preview', 'quarantine-file', ...target)
  report.claim('a preview says what the device would do', preview.answer !== 'refused', preview)
  report.claim('and has touched nothing', differences(before, portraitOf(path)).length === 0, portraitOf(path))

  report.part('Asked for by one, approved by another')
  const asked = await propose(plane, 'quarantine-file', target)
  report.claim('ann asks; it waits for approval', asked.status === 'pending-approval', asked)
  const own = await plane.ann.recourse('approve', asked.id, '--comment', 'I agree with myself')
  report.claim('ann may not approve what she asked for', own.status !== 0 && portraitOf(path) !== null, own)
  const done = await approve(plane, asked)
  report.claim('ben approves; the device carries it out', done.status === 'succeeded', done.outcome)
  for (const { subject, found, holds } of done.outcome?.status === 'succeeded' ? done.outcome.evidence : [])
    report.claim(`the device proves it: ${subject}: ${found}`, holds)
  report.claim('the file is gone from its place', portraitOf(path) === null)
  const vault = await callAgent(['verify-vault', '--json'], place)
  const items = JSON.parse(vault.stdout) as { sizeBytes: number; intact: boolean }[]
  const whole =
    items.length === 1 && items.every(({ intact, sizeBytes }) => intact && BigInt(sizeBytes) === before.size)
  report.claim('the vault holds it, whole', whole, vault)
  report.claim('it is in force: the control plane says so', (await inForceOn(plane.ann, device)).includes(done.id))
  const held = await callAgent(['in-force', '--json'], place)
  report.claim('and so does the device itself', held.stdout.includes(done.id), held)

  report.part('What it refuses')
  const outside = join(folder, 'letter.txt')
  writeFileSync(outside, 'a private letter')
  const wish = ['--device', device, '--path', outside, '--sha256', sha256At(outside) ?? '']
  const forbidden = await approve(plane, await propose(plane, 'quarantine-file', wish))
  report.claim(
    'an approved order outside of what the local policy allows is refused by the device',
    forbidden.outcome?.status === 'refused' &&
      forbidden.outcome.code === 'policy_forbids' &&
      sha256At(outside) !== null,
    forbidden.outcome,
  )
  const other = join(playground, 'changed.txt')
  writeFileSync(other, 'what was looked at')
  const shown = ['--device', device, '--path', other, '--sha256', sha256At(other) ?? '']
  const pinned = await propose(plane, 'quarantine-file', shown)
  writeFileSync(other, 'what somebody wrote since')
  const changed = await approve(plane, pinned)
  report.claim(
    'a file that is not the one that was approved stays where it is',
    changed.outcome?.status === 'refused' && changed.outcome.code === 'target_changed' && sha256At(other) !== null,
    changed.outcome,
  )

  report.part('Taken back')
  await agent.kill()
  agent = startAgentProcess(place)
  await statusOnceConnected(place, 60_000)
  const back = await connectionIs(plane.ann, device, true)
  report.claim(
    'the agent is killed and started again: what it holds is not lost',
    back && (await inForceOn(plane.ann, device)).includes(done.id),
  )
  const undone = await undo(plane, done)
  report.claim(
    'ann asks for the undo, ben approves it, the device carries it out',
    undone.status === 'succeeded',
    undone.outcome,
  )
  compare(before, portraitOf(path), report)
  const named = (gaps: readonly Gap[]) => gaps.map(({ what }) => what).toSorted()
  const gaps = undone.outcome?.status === 'succeeded' ? named(undone.outcome.gaps) : null
  const foretold = preview.answer === 'ready' ? named(preview.gaps) : []
  report.claim(
    `what no system can bring back was named in the preview: ${gaps?.join(', ') ?? ''}`,
    gaps?.every((gap) => foretold.includes(gap)) === true,
    { gaps, foretold },
  )
  const original = await plane.ann.ask<{ effect: string; undoneBy: string | null }>('show', done.id)
  report.claim(
    'both rows stay and point at each other',
    original.undoneBy === undone.id && undone.undoOf === done.id,
    original,
  )
  report.claim('nothing is in force any more', (await inForceOn(plane.ann, device)).length === 0)
  return { place, device, path, target, before }
}

/** Claims, part by part, that a file is what it was. */
export function compare(before: Portrait, after: Portrait | null, report: Report): void {
  const changed = differences(before, after)
  const claims: readonly (readonly [string, readonly (keyof Portrait)[]])[] = [
    ['the bytes are the same', ['bytes', 'size']],
    ['the mode is the same', ['mode']],
    ['the owner and group are the same', ['owner']],
    ['the times are the same, to the nanosecond', ['modified', 'accessed']],
    ['the extended attributes are the same', ['attributes']],
  ]
  for (const [what, keys] of claims)
    report.claim(
      what,
      keys.every((key) => !changed.includes(key)),
      keys
        .map((key) => `${key} was ${String(before[key])}, is ${after === null ? 'gone' : String(after[key])}`)
        .join('\n'),
    )
}
