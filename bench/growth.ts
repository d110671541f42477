import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type DeviceId, newId, type OperatorId } from '../protocol/ids.ts'
import type { Report } from '../protocol/messages.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { approveActions } from '../server/actions/decide.ts'
import { createActions } from '../server/actions/dispatch.ts'
import { requestActions, wish } from '../server/actions/request.ts'
import { newAudit } from '../server/audit/chain.ts'
import { withDeciding } from '../server/deciding.ts'
import type { Devices } from '../server/gateway/seam.ts'
import { openKeys } from '../server/keys/keys.ts'
import { type Caller, everything } from '../server/people/permissions.ts'
import { systemSource } from '../server/source.ts'
import { openSqlite } from '../server/store/sqlite.ts'
import { makeHistory } from './history/made-history.ts'
import { type BenchRow, inTurn } from './row.ts'

const small = { actions: 1_000, devices: 100 }
const large = { actions: Number(process.env['RECOURSE_BENCH_GROWN'] ?? 1_000_000), devices: 15_000 }
const rounds = 11
/** So many lives run side by side, as in a server where commits are shared. */
const sideBySide = 50
const livesPerRound = 200

/**
 * What one action costs from its request over approval, sending and receipt to its end, in processor time, through the real store and
 * action code without sockets: among many stored actions and devices beside few of both.
 */
export const growthRows: readonly BenchRow[] = [
  {
    name: 'growth',
    unit: 'us/action',
    better: 'less',
    goal: 1.15,
    measure: async (say) => {
      const few = await openWorld(await folderFor(small, say))
      const many = await openWorld(await folderFor(large, say))
      try {
        // The first lives compile what all others use, and fill the caches.
        for (const world of [few, many]) await world.live()
        return await inTurn(rounds, few.live, many.live, say)
      } finally {
        await few.close()
        await many.close()
      }
    },
  },
]

/** A copy of its own for every run, as lives are added; where `RECOURSE_BENCH_FOLDER` keeps what was made, later runs go on in it. */
async function folderFor(
  { actions, devices }: { readonly actions: number; readonly devices: number },
  say: (progress: string) => void,
): Promise<string> {
  const keep = process.env['RECOURSE_BENCH_FOLDER']
  const folder =
    keep === undefined
      ? mkdtempSync(join(tmpdir(), 'recourse-bench-growth-'))
      : join(keep, `recourse-bench-growth-${actions}`)
  if (keep === undefined) process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return folder
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  await makeHistory(folder, { actions, devices, now: Date.now() }, say)
  writeFileSync(complete, '')
  return folder
}

/** Nobody is connected: each life asks for its orders and reports by itself. */
const absent: Devices = {
  connected: () => false,
  nudge: () => undefined,
  ready: () => false,
  deliver: () => undefined,
  cancel: () => false,
  preview: () => Promise.reject(new Error('nobody is there')),
  push: () => false,
  refuse: async () => undefined,
}

async function openWorld(folder: string) {
  const source = systemSource
  const store = await openSqlite({ folder })
  const keys = await openKeys({ folder: join(folder, 'keys'), store, source })
  const audit = newAudit(keys.audit, source.nowMs)
  const log = pino({ level: 'silent' })
  const deps = withDeciding({ store, audit, keys, source, devices: absent, log })
  const seam = createActions(deps)

  const person = async (name: string): Promise<Caller> => {
    const found = await store.read.selectFrom('operator').select('id').where('name', '=', name).executeTakeFirst()
    const id = found?.id ?? newId<OperatorId>(source)
    const row = { id, name, password_hash: 'none', role: 'administrator', disabled: 0, created_at: source.nowMs() }
    if (found === undefined) await store.write((it) => it.insertInto('operator').values(row).execute())
    return { operatorId: id, name, ...everything }
  }
  const asks = await person('asks')
  const decides = await person('decides')
  const devices = await store.read
    .selectFrom('device')
    .leftJoin('report_place', 'report_place.device_id', 'device.id')
    .select(['id', 'stored'])
    .execute()
  const sequences = new Map(devices.map((it) => [it.id, it.stored ?? 0]))
  let lived = 0

  const report = (device: DeviceId, said: readonly Report[]) => {
    const before = sequences.get(device) ?? 0
    sequences.set(device, before + said.length)
    return seam.take(
      device,
      said.map((it, at) => ({ sequence: before + 1 + at, report: it })),
    )
  }

  const oneLife = async (): Promise<void> => {
    const number = lived++
    // Devices take turns, far apart, so that no life waits for another one of its device.
    const device = devices[(number * 61) % devices.length]?.id
    if (device === undefined) throw new Error('no devices')
    const asked = wish.parse({
      action: 'quarantine-file',
      targets: [
        {
          devices: [device],
          params: {
            path: `/srv/evil-${process.hrtime.bigint()}-${number}`,
            sha256: number.toString(16).padStart(64, '0'),
          },
        },
      ],
      comment: 'it grows',
    })
    const [one] = await store.write((transaction) => requestActions(deps, transaction, asks, asked))
    if (one === undefined) throw new Error('nothing was asked for')
    const { id, batch_id } = one.row
    const { content_hash } = await store.read
      .selectFrom('batch')
      .select('content_hash')
      .where('id', '=', batch_id)
      .executeTakeFirstOrThrow()
    const choice = { action: id, contentHash: content_hash }
    const { decided } = await store.write((it) => approveActions(deps, it, decides, [choice], 'yes'))
    if (decided.length !== 1) throw new Error('it was not approved')
    const orders = await seam.ordersFor(device)
    if (!orders.some((it) => it.action === id)) throw new Error('there is no order for it')
    await seam.sending([id])
    const at = source.nowMs()
    await report(device, [{ kind: 'received', actionId: id, at }])
    await report(device, [{ kind: 'begun', actionId: id, at }])
    const outcome: Outcome = { status: 'succeeded', effect: 'in-force', evidence: [], gaps: [], summary: 'done', at }
    await report(device, [{ kind: 'ended', actionId: id, outcome }])
  }

  return {
    /** Processor time of one life, in microseconds. */
    live: async (): Promise<number> => {
      const begun = process.cpuUsage()
      for (let at = 0; at < livesPerRound; at += sideBySide) {
        await Promise.all(Array.from({ length: sideBySide }, oneLife))
      }
      const { user, system } = process.cpuUsage(begun)
      return (user + system) / livesPerRound
    },
    close: () => store.close(),
  }
}
