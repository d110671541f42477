import type { Command } from 'commander'
import * as z from 'zod'
import { type DeviceId, deviceId } from '../../../protocol/ids.ts'
import { capability } from '../../../protocol/messages.ts'
import type { Context } from '../context.ts'
import { CliFailure, type ControlPlane, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { show, table, time } from '../show.ts'
import { listed } from './listed.ts'

const device = z.object({
  id: deviceId,
  name: z.string(),
  platform: z.string(),
  status: z.string(),
  connected: z.boolean(),
  lastSeenAt: z.int().nullable(),
  facts: z.object({
    osName: z.string(),
    osVersion: z.string(),
    agentVersion: z.string(),
    capabilities: z.array(capability),
  }),
})
const enrolmentToken = z.looseObject({
  id: z.string(),
  group: z.string(),
  usesLeft: z.int(),
  expiresAt: z.int(),
  createdBy: z.string(),
})
const page = z.object({ devices: z.array(device), next: deviceId.nullable() })
export type Device = z.infer<typeof device>

/** Every device, page by page. */
export async function allDevices(controlPlane: ControlPlane): Promise<Device[]> {
  const devices: Device[] = []
  let after: DeviceId | null = null
  do {
    const query = new URLSearchParams({ limit: '200', ...(after === null ? {} : { after }) })
    const read: z.infer<typeof page> = await controlPlane.get(`/v1/devices?${query.toString()}`, page)
    devices.push(...read.devices)
    after = read.next
  } while (after !== null)
  return devices
}

/** Devices by id or by name; a name that is not there, or is there twice, is an answer and not a guess. */
export async function findDevices(controlPlane: ControlPlane, named: readonly string[]): Promise<Device[]> {
  const all = new Map<string, Device[]>()
  for (const it of await allDevices(controlPlane)) {
    for (const key of new Set<string>([it.id, it.name])) all.set(key, [...(all.get(key) ?? []), it])
  }
  return named.map((text) => {
    const found = all.get(text) ?? []
    if (found.length > 1)
      throw new CliFailure(exitCodes.usage, `${text} is the name of ${found.length} devices; give the id`)
    const [only] = found
    if (only === undefined) throw new CliFailure(exitCodes.refused, `there is no device ${plainText(text)}`)
    return only
  })
}

export function deviceCommands(program: Command, context: Context): void {
  const { screen } = context
  const devices = program.command('devices').description('the devices and how to let them in')

  devices
    .command('list', { isDefault: true })
    .description('every device')
    .action(async () => {
      const found = await allDevices(context.controlPlane())
      show(screen, found, () =>
        table(
          ['ID', 'NAME', 'SYSTEM', 'STATUS', 'CONNECTED', 'LAST SEEN'],
          found.map((it) => [
            it.id,
            it.name,
            `${it.facts.osName} ${it.facts.osVersion}`,
            it.status,
            it.connected ? 'yes' : 'no',
            time(it.lastSeenAt),
          ]),
          'No device has enrolled yet. `recourse devices token` makes a token for one.',
        ),
      )
    })

  devices
    .command('show <device>')
    .description('one device and what it can do')
    .action(async (named: string) => {
      const [found] = await findDevices(context.controlPlane(), [named])
      if (found === undefined) return
      show(screen, found, () =>
        [
          `${plainText(found.name)} (${found.id}), ${plainText(found.facts.osName)} ${plainText(found.facts.osVersion)}, agent ${plainText(found.facts.agentVersion)}`,
          `  ${found.status}, ${found.connected ? 'connected' : `last seen ${time(found.lastSeenAt)}`}`,
          ...found.facts.capabilities.map(
            ({ action, support, reason }) => `  ${action}: ${support}${reason === '' ? '' : ` (${plainText(reason)})`}`,
          ),
        ].join('\n'),
      )
    })

  devices
    .command('revoke <device>')
    .description('refuse the device from now on')
    .requiredOption('--comment <why>', 'why')
    .action(async (named: string, { comment }: { comment: string }) => {
      const controlPlane = context.controlPlane()
      const [found] = await findDevices(controlPlane, [named])
      if (found === undefined) return
      await controlPlane.post(`/v1/devices/${found.id}/revoke`, { comment }, z.unknown())
      show(screen, { revoked: found.id }, () => `${plainText(found.name)} is revoked.`)
    })

  devices
    .command('change <device>')
    .description('change what people call it, or its tags; it goes to the device group that matches then')
    .option('--name <text>', 'another name')
    .option('--tags <list>', 'all of its tags, separated by commas')
    .action(async (named: string, { name, tags }: { name?: string; tags?: string }) => {
      const controlPlane = context.controlPlane()
      const [found] = await findDevices(controlPlane, [named])
      if (found === undefined) return
      const change = { ...(name === undefined ? {} : { name }), ...(tags === undefined ? {} : { tags: listed(tags) }) }
      const changed = await controlPlane.patch(`/v1/devices/${found.id}`, change, device.loose())
      show(screen, changed, () => `${plainText(changed.name)} is changed.`)
    })

  devices
    .command('tokens')
    .description('the enrolment tokens that were made; their text is never shown again')
    .action(async () => {
      const read = await context
        .controlPlane()
        .get('/v1/enrolment-tokens', z.object({ items: z.array(enrolmentToken) }))
      show(screen, read, () =>
        table(
          ['ID', 'TAG', 'USES LEFT', 'EXPIRES', 'MADE BY'],
          read.items.map((it) => [it.id, it.group, String(it.usesLeft), time(it.expiresAt), it.createdBy]),
          'None.',
        ),
      )
    })

  devices
    .command('withdraw <token>')
    .description('make an enrolment token worthless')
    .action(async (id: string) => {
      await context.controlPlane().remove(`/v1/enrolment-tokens/${encodeURIComponent(id)}`)
      show(screen, { withdrawn: id }, () => `The token ${id} is worthless.`)
    })

  devices
    .command('token')
    .description('make an enrolment token')
    .option('--uses <n>', 'how many devices may use it', '1')
    .option('--hours <n>', 'how long it is good', '24')
    .option('--group <name>', 'a tag for its devices, which the rules of device groups can name', 'default')
    .action(async ({ uses, hours, group }: { uses: string; hours: string; group: string }) => {
      const wish = { uses: Number(uses), hours: Number(hours), group }
      const made = await context.controlPlane().post('/v1/enrolment-tokens', wish, z.looseObject({ token: z.string() }))
      show(screen, made, () => made.token)
    })

  devices
    .command('break-glass <device>')
    .description('show the code with which root can undo on the device when no control plane answers; this is audited')
    .requiredOption('--comment <why>', 'why')
    .action(async (named: string, { comment }: { comment: string }) => {
      const controlPlane = context.controlPlane()
      const [found] = await findDevices(controlPlane, [named])
      if (found === undefined) return
      const answer = z.looseObject({ code: z.string(), expiresAt: z.int() })
      const shown = await controlPlane.post(`/v1/devices/${found.id}/break-glass-code`, { comment }, answer)
      show(
        screen,
        shown,
        () =>
          `${shown.code}   (until ${time(shown.expiresAt)}; on the device: recourse-agent undo ACTION --code ${shown.code})`,
      )
    })
}
