import { until, type World } from './world.ts'

/** What a test looks at of an action. */
export interface Row {
  readonly id: string
  readonly batch: string
  readonly status: string
  readonly effect: string
  readonly undoneBy: string | null
  readonly contentHash: string
}

/** Everything a test asks of the API beside the browser. */
export interface Asking {
  row(id: string): Promise<Row>
  ask(action: string, targets: readonly object[], wish?: { comment?: string; approve?: boolean }): Promise<Row[]>
  /** Asks to take back, without approving. */
  undo(ids: readonly string[], approve?: boolean): Promise<Row[]>
  pending(): Promise<readonly Row[]>
  approve(rows: readonly Row[]): Promise<void>
  /** Waits until each of them has ended, one way or another. */
  ended(rows: readonly Pick<Row, 'id'>[]): Promise<void>
}

const open = new Set(['pending-approval', 'queued', 'delivered', 'running'])

export function asking({ admin }: World): Asking {
  const row = (id: string) => admin.call<Row>('GET', `/v1/actions/${id}`)
  return {
    row,
    ask: async (action, targets, { comment = 'for the test', approve = true } = {}) =>
      (await admin.call<{ actions: Row[] }>('POST', '/v1/actions', { action, targets, comment, approve })).actions,
    undo: async (actions, approve = true) =>
      (await admin.call<{ actions: Row[] }>('POST', '/v1/actions/undo', { actions, comment: 'back', approve })).actions,
    pending: async () =>
      (await admin.call<{ items: readonly Row[] }>('GET', '/v1/actions?status=pending-approval&limit=200')).items,
    approve: async (rows) => {
      const choices = rows.map((it) => ({ action: it.id, contentHash: it.contentHash }))
      await admin.call('POST', '/v1/actions/approve', { choices, comment: 'yes', acrossTypes: true })
    },
    ended: async (rows) => {
      for (const { id } of rows) await until(async () => !open.has((await row(id)).status))
    },
  }
}
