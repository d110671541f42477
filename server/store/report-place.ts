import type { DeviceId } from '../../protocol/ids.ts'
import { prepare } from './prepared.ts'
import type { ReportPlaceTable } from './schema.ts'

/** Devices that there are, and the number up to which the reports of each are stored; null for one that has said nothing yet. */
export const storedOf = prepare<{ device: DeviceId }, { id: DeviceId; stored: number | null }>((db, slot) =>
  db
    .selectFrom('device')
    .leftJoin('report_place', 'report_place.device_id', 'device.id')
    .select(['device.id', 'report_place.stored'])
    .where('device.id', '=', slot('device')),
)

export const setStored = prepare<ReportPlaceTable, unknown>((db, slot) =>
  db
    .insertInto('report_place')
    .values({ device_id: slot('device_id'), stored: slot('stored') })
    .onConflict((it) => it.column('device_id').doUpdateSet({ stored: slot('stored') })),
)
