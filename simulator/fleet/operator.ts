import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import * as z from 'zod'
import { type ActionName, actionNames } from '../../protocol/actions/index.ts'
import { type ActionId, actionId, batchId, type DeviceId, deviceId } from '../../protocol/ids.ts'
import { outcome } from '../../protocol/outcome.ts'
import { effect, status } from '../../protocol/status.ts'

const row = z.object({
  id: actionId,
  batch: batchId,
  contentHash: z.string(),
  device: z.object({ id: deviceId, name: z.string() }),
  kind: z.enum(['do', 'undo']),
  action: z.enum(actionNames),
  status,
  effect,
  outcome: outcome.nullable(),
  undoOf: actionId.nullable(),
  undoneBy: actionId.nullable(),
  canUndo: z.boolean(),
  requestedBy: z.string(),
})
/** A row of the action center, as far as the simulator looks at it. */
export type Row = z.infer<typeof row>

const rows = z.object({ actions: z.array(row) })
const page = z.object({ items: z.array(row), next: z.string().nullable() })
const rollout = z.object({
  batch: batchId,
  state: z.enum(['running', 'halted', 'completed', 'aborted']),
  wave: z.int(),
  waves: z.array(z.object({ actions: z.int(), held: z.int() })),
})
export type Rollout = z.infer<typeof rollout>

const named = z.object({ name: z.string() })
const decided = z.object({
  decided: z.array(row),
  waiting: z.array(row),
  problems: z.array(z.object({ action: actionId, code: z.string(), detail: z.string() })),
})

/** One thing that changed, as the stream of events tells it. */
export interface Changed {
  readonly id: ActionId
  readonly device: DeviceId
  readonly status: Row['status']
  readonly effect: Row['effect']
}
const changedBody = z.object({ id: actionId, device: deviceId, status, effect })

/** What the control plane refused, with its code. */
export class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'Refused'
    this.status = status
    this.code = code
  }
}

/** Somebody who can sign in: the header that says who, or who gets one when it is needed. */
export type Pass = Headers | (() => Promise<Headers>)
type Headers = Readonly<Record<string, string>>

export const headersOf = async (pass: Pass): Promise<Headers> => (typeof pass === 'function' ? pass() : pass)

export interface Wish {
  readonly action: ActionName
  readonly targets: readonly { readonly devices: readonly DeviceId[]; readonly params: object }[]
  readonly comment: string
  readonly until?: number
}

/** The people of a run: one asks, another one decides. Only the public API is used. */
export interface Operator {
  readonly url: string
  /** The name of who asks, as it stands in rows. */
  asker(): Promise<string>
  request(wish: Wish): Promise<Row[]>
  approve(actions: readonly Row[], comment: string): Promise<Row[]>
  reject(actions: readonly Row[], comment: string): Promise<Row[]>
  cancel(action: ActionId, comment: string): Promise<Row>
  undo(actions: readonly ActionId[], comment: string): Promise<Row[]>
  /** Asks for what vaults hold to be destroyed, or for a copy of it; named by the actions that put it there. */
  fromVault(wish: 'purge' | 'collect', items: readonly ActionId[], comment: string): Promise<Row[]>
  /** The copy that a request has brought. */
  collected(request: ActionId): Promise<Uint8Array>
  /** Everything in force, by the word of the control plane. */
  inForce(): Promise<Row[]>
  actions(filter: Readonly<Record<string, string>>): Promise<Row[]>
  /** Batches that go out in waves, newest first. */
  rollouts(): Promise<Rollout[]>
  /** Goes on with a rollout that halted. */
  resume(batch: Rollout['batch'], comment: string): Promise<Rollout>
  abort(batch: Rollout['batch'], comment: string): Promise<Rollout>
  /** Changes rules of the control plane, by the names of its settings. */
  setRules(change: Readonly<Record<string, unknown>>): Promise<void>
  enrolmentToken(uses: number): Promise<string>
  auditKey(): Promise<string>
  auditExport(file: string): Promise<void>
  /** True when it answers and is ready. */
  ready(): Promise<boolean>
  /** Follows what changes, over restarts of the control plane, without a gap. */
  watch(listener: (changed: Changed) => void): Disposable
}

const membersAtOnce = 1_000
const password = 'simulated people sign in with this'

/** Becomes the first administrator of a new control plane and lets a second person in. */
export async function setUpPeople(url: string, setUpUrl: string): Promise<{ asking: Pass; deciding: Pass }> {
  const secret = new URL(setUpUrl).hash.slice(1)
  const post = async (path: string, body: object, pass: Pass = {}): Promise<Pass> => {
    const answer = await call(url, pass, path, { method: 'POST', body: JSON.stringify(body) })
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0]
    await answer.arrayBuffer()
    return cookie === undefined ? {} : { cookie }
  }
  const deciding = await post('/v1/setup', { secret, name: 'sim-decider', password, separationOfDuties: true })
  await post('/v1/people', { name: 'sim-asker', password, role: 'responder' }, deciding)
  const asking = await post('/v1/sign-in', { name: 'sim-asker', password })
  return { asking, deciding }
}

export function openOperator(url: string, { asking, deciding }: { asking: Pass; deciding: Pass }): Operator {
  const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T> =>
    schema.parse(await (await call(url, deciding, path, {})).json())
  const post = async <T>(pass: Pass, path: string, body: object, schema: z.ZodType<T>): Promise<T> =>
    schema.parse(await (await call(url, pass, path, { method: 'POST', body: JSON.stringify(body) })).json())
  const pages = async (path: string, filter: Readonly<Record<string, string>>): Promise<Row[]> => {
    const found: Row[] = []
    let cursor: string | null = null
    do {
      const query = new URLSearchParams({ ...filter, limit: '200', ...(cursor === null ? {} : { cursor }) })
      const read: z.infer<typeof page> = await get(`${path}?${query.toString()}`, page)
      found.push(...read.items)
      cursor = read.next
    } while (cursor !== null)
    return found
  }
  const decide = async (word: 'approve' | 'reject', actions: readonly Row[], comment: string): Promise<Row[]> => {
    const done: Row[] = []
    for (const some of slices(actions, membersAtOnce)) {
      const choices = some.map(({ id, contentHash }) => ({ action: id, contentHash }))
      const answer = await post(deciding, `/v1/actions/${word}`, { choices, comment, acrossTypes: true }, decided)
      done.push(...answer.decided)
      const [problem] = answer.problems
      if (problem !== undefined) throw new Refused(409, problem.code, `${problem.action}: ${problem.detail}`)
    }
    return done
  }
  return {
    url,
    asker: async () => (await (await call(url, asking, '/v1/me', {})).json().then(named.parse)).name,
    async request({ targets, ...wish }) {
      const found: Row[] = []
      // A target with many devices and many targets with one device each are cut at the same limit.
      const single = targets.flatMap(({ devices, params }) =>
        slices(devices, membersAtOnce).map((it) => ({ devices: it, params })),
      )
      let group: typeof single = []
      const flush = async () => {
        if (group.length === 0) return
        const { actions } = await post(asking, '/v1/actions', { ...wish, targets: group }, rows)
        found.push(...actions)
        group = []
      }
      for (const target of single) {
        const members = group.reduce((sum, { devices }) => sum + devices.length, 0)
        if (members + target.devices.length > membersAtOnce) await flush()
        group.push(target)
      }
      await flush()
      return found
    },
    approve: (actions, comment) => decide('approve', actions, comment),
    reject: (actions, comment) => decide('reject', actions, comment),
    cancel: (action, comment) => post(deciding, `/v1/actions/${action}/cancel`, { comment }, row),
    async undo(actions, comment) {
      const found: Row[] = []
      for (const some of slices(actions, membersAtOnce))
        found.push(
          ...(await post(asking, '/v1/actions/undo', { actions: some, comment, acrossTypes: true }, rows)).actions,
        )
      return found
    },
    async fromVault(wish, items, comment) {
      const found: Row[] = []
      for (const some of slices(items, membersAtOnce))
        found.push(...(await post(asking, `/v1/vault/${wish}`, { items: some, comment }, rows)).actions)
      return found
    },
    collected: async (request) =>
      new Uint8Array(await (await call(url, deciding, `/v1/vault/collected/${request}/content`, {})).arrayBuffer()),
    inForce: () => pages('/v1/in-force', {}),
    actions: (filter) => pages('/v1/actions', filter),
    rollouts: async () => (await get('/v1/rollouts', z.object({ rollouts: z.array(rollout) }))).rollouts,
    resume: (batch, comment) => post(deciding, `/v1/rollouts/${batch}/resume`, { comment }, rollout),
    abort: (batch, comment) => post(deciding, `/v1/rollouts/${batch}/abort`, { comment }, rollout),
    async setRules(change) {
      await (await call(url, deciding, '/v1/settings', { method: 'PATCH', body: JSON.stringify(change) })).arrayBuffer()
    },
    enrolmentToken: async (uses) =>
      (
        await post(
          deciding,
          '/v1/enrolment-tokens',
          { uses, hours: 24, group: 'simulated' },
          z.object({ token: z.string() }),
        )
      ).token,
    auditKey: async () => (await get('/v1/audit/key', z.object({ publicKey: z.string() }))).publicKey,
    async auditExport(file) {
      const { body } = await call(url, deciding, '/v1/audit/export?format=jsonl', {}, exportMs)
      if (body === null) throw new Error('the export is empty')
      await pipeline(Readable.fromWeb(body), createWriteStream(file, { mode: 0o600 }))
    },
    ready: () =>
      fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(2_000) }).then(
        (answer) => answer.ok,
        () => false,
      ),
    watch: (listener) => watch(url, deciding, listener),
  }
}

const answerMs = 120_000
const exportMs = 600_000

/** As long as a control plane may take to start again. */
const lostMost = 120
const lostWaitMs = 500

/** Asks once, and again for as long as it is told to wait, or nothing came back: under the same key a change happens once (API). */
async function call(url: string, pass: Pass, path: string, init: RequestInit, timeoutMs = answerMs): Promise<Response> {
  const change = init.body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': randomUUID() }
  for (let lost = 0; ; ) {
    const headers = { 'recourse-client': 'simulator', ...(await headersOf(pass)), ...change }
    const signal = AbortSignal.timeout(timeoutMs)
    const answer = await fetch(new URL(path, url), { ...init, headers, signal }).catch((failure: unknown) => {
      // What fetch throws where the connection could not be made, or broke.
      if (failure instanceof TypeError && ++lost <= lostMost) return null
      throw failure
    })
    if (answer === null) {
      await new Promise((resolve) => setTimeout(resolve, lostWaitMs))
      continue
    }
    if (answer.ok) return answer
    if (answer.status === 429) {
      await answer.arrayBuffer()
      await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(answer.headers.get('retry-after') ?? 1)))
      continue
    }
    const said = z
      .object({ code: z.string(), detail: z.string().optional() })
      .safeParse(await answer.json().catch(() => null))
    const code = said.success ? said.data.code : 'unreadable'
    throw new Refused(
      answer.status,
      code,
      `${path}: ${answer.status} ${code} ${said.success ? (said.data.detail ?? '') : ''}`,
    )
  }
}

function watch(url: string, pass: Pass, listener: (changed: Changed) => void): Disposable {
  const end = new AbortController()
  let last: string | null = null
  const follow = async () => {
    while (!end.signal.aborted) {
      try {
        const own = await headersOf(pass)
        const headers = { ...own, 'recourse-client': 'simulator', ...(last === null ? {} : { 'last-event-id': last }) }
        const { body, ok } = await fetch(new URL('/v1/events', url), { headers, signal: end.signal })
        if (!ok || body === null) throw new Error('no events')
        let rest = ''
        const decoder = new TextDecoder()
        for await (const chunk of body) {
          const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
          rest = parts.pop() ?? ''
          for (const part of parts) last = take(part, listener) ?? last
        }
      } catch {
        // The control plane is away; it is asked again.
      }
      if (!end.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }
  void follow()
  return { [Symbol.dispose]: () => end.abort() }
}

/** Reads one event; its number, or null. */
function take(text: string, listener: (changed: Changed) => void): string | null {
  const field = (name: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
  if (field('event') === 'action.changed') {
    const read = changedBody.safeParse(JSON.parse(field('data') ?? 'null'))
    if (read.success) listener(read.data)
  }
  return field('id') ?? null
}

export const slices = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size))
