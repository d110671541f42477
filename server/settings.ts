import type { Kysely, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../protocol/errors.ts'
import { defaultFolderLists, folderLists } from './decisions/folders.ts'
import { prepare } from './store/prepared.ts'
import type { Schema } from './store/schema.ts'

/** What an administrator may change while the control plane runs. Every field has a default, so an empty store has settings. */
export const settings = z.strictObject({
  separationOfDuties: z
    .boolean()
    .default(true)
    .describe('Whoever asks for an action that is not safe does not approve it (POL6)'),
  destructiveApprovals: z
    .union([z.literal(1), z.literal(2)])
    .default(1)
    .describe('How many different people must approve a destructive action (POL6)'),
  approvalDays: z
    .int()
    .min(1)
    .max(30)
    .default(7)
    .describe('After so many days without a decision a request expires (LIFE3)'),
  queueDays: z.int().min(1).max(30).default(3).describe('An order waits so long for an absent device (LIFE3)'),
  historyDays: z.int().min(1).max(3_650).default(180).describe('Ended actions are kept so long (AUD2)'),
  alertDays: z
    .int()
    .min(1)
    .max(3_650)
    .default(180)
    .describe('Alerts, ended investigations with their evidence, and ended rollouts are kept so long (AUD2)'),
  collectMebibytes: z
    .int()
    .min(1)
    .max(3_072)
    .default(64)
    .describe('The largest file that is taken in from the vault of a device, in MiB (VLT7)'),
  collectedDays: z
    .int()
    .min(1)
    .max(3_650)
    .default(30)
    .describe('A file that was taken in is kept so long, and its bytes then deleted (VLT7)'),
  batchLimit: z.int().min(1).max(10_000).default(10_000).describe('Most actions of one request'),
  folderLists: folderLists
    .default(defaultFolderLists)
    .describe('Which folders are core and which temporary, for each platform (POL2)'),
  rolloutFrom: z
    .int()
    .min(1)
    .max(10_000)
    .default(20)
    .describe('A batch on more devices than this goes out in waves (LIFE9)'),
  rolloutWaves: z
    .array(z.int().min(1).max(100))
    .min(1)
    .max(20)
    .refine((shares) => shares.every((share, at) => share > (shares[at - 1] ?? 0)), 'each wave reaches further')
    .refine((shares) => shares.at(-1) === 100, 'the last wave reaches 100 percent')
    .default([5, 25, 100])
    .describe('How much of the batch is out after each wave, in percent; the first is the canary (LIFE9)'),
  rolloutFailurePercent: z
    .int()
    .min(0)
    .max(100)
    .default(10)
    .describe('A rollout halts when more of the devices it has reached than this have failed, in percent (LIFE9)'),
})
export type Settings = z.infer<typeof settings>

export const settingsChange = z
  .strictObject(
    Object.fromEntries(settingNames().map((name) => [name, settings.shape[name].unwrap().optional()])) as {
      [Name in keyof Settings]: z.ZodOptional<ReturnType<(typeof settings.shape)[Name]['unwrap']>>
    },
  )
  .extend({ revision: z.int().optional().describe('Change them only if nobody else has since') })
  .refine(({ revision: _, ...change }) => Object.keys(change).length > 0, 'name at least one setting')
export type SettingsChange = z.infer<typeof settingsChange>

/** As they are shown; the revision is one more after each change. */
export const settingsView = settings.extend({ revision: z.int() }).meta({ id: 'Settings' })

const revisionName = 'settings-revision'

function settingNames(): (keyof Settings)[] {
  return Object.keys(settings.shape) as (keyof Settings)[]
}

const settingRows = prepare((db) => db.selectFrom('setting').selectAll().where('name', 'in', settingNames()))

/** What was read last, by its text: settings are read for each request and hardly ever change. */
let last: { readonly text: string; readonly settings: Settings } | null = null

export async function readSettings(db: Kysely<Schema>): Promise<Settings> {
  const rows = await settingRows.anywhere(db, {})
  const text = JSON.stringify(rows.map(({ name, value }) => [name, value]))
  if (last?.text !== text) {
    last = { text, settings: settings.parse(Object.fromEntries(rows.map((it) => [it.name, JSON.parse(it.value)]))) }
  }
  return last.settings
}

export const viewSettings = async (db: Kysely<Schema>): Promise<z.infer<typeof settingsView>> => ({
  ...(await readSettings(db)),
  revision: await readRevision(db),
})

async function readRevision(db: Kysely<Schema>): Promise<number> {
  const row = await db.selectFrom('setting').select('value').where('name', '=', revisionName).executeTakeFirst()
  return row === undefined ? 0 : Number(row.value)
}

/** Throws RecourseError `content_changed` when somebody has changed them since the revision that the change names. */
export async function writeSettings(
  transaction: Transaction<Schema>,
  { revision, ...change }: SettingsChange,
): Promise<void> {
  const before = await readRevision(transaction)
  if (revision !== undefined && revision !== before) {
    throw new RecourseError('content_changed', 'somebody has changed the settings since')
  }
  for (const [name, changed] of Object.entries({ ...change, [revisionName]: before + 1 })) {
    if (changed === undefined) continue
    const value = JSON.stringify(changed)
    await transaction
      .insertInto('setting')
      .values({ name, value })
      .onConflict((it) => it.column('name').doUpdateSet({ value }))
      .execute()
  }
}
