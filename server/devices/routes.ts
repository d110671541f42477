import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { deviceId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { deviceFacts, inForceEntry } from '../../protocol/messages.ts'
import { timeMs } from '../../protocol/outcome.ts'
import type { Devices } from '../gateway/seam.ts'
import { callerOf } from '../http/access.ts'
import { actorOf } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { plainName } from '../people/tokens.ts'
import type { BreakGlass } from './break-glass.ts'
import type { DeviceDeps } from './deps.ts'
import { type DeviceView, describeDevice, getDevice, listDevices, revokeDevice } from './devices.ts'
import { createToken, listTokens, withdrawToken } from './tokens.ts'

export interface DeviceRoutesDeps extends DeviceDeps {
  readonly devices: Pick<Devices, 'connected' | 'refuse'>
  readonly breakGlass: Pick<BreakGlass, 'reveal'>
  /** Where devices enrol, as they see it. */
  readonly enrolAt: { readonly host: string; readonly port: number }
}

const time = timeMs.nullable()
const status = z.enum(['active', 'revoked', 'offboarded'])

const deviceView = z
  .strictObject({
    id: deviceId,
    name: z.string(),
    platform: z.enum(['linux', 'windows']),
    status,
    /** Whether it is connected at this moment. */
    connected: z.boolean(),
    group: z.string(),
    tags: z.array(z.string()),
    /** As the device says; data, never markup. */
    facts: deviceFacts,
    enrolledAt: timeMs,
    lastSeenAt: time,
    simulated: z.boolean(),
    inForce: z.array(inForceEntry),
    inForceAt: time,
    certificateExpiresAt: time,
  })
  .meta({ id: 'Device' })

const tokenView = z
  .strictObject({
    id: z.string(),
    group: z.string(),
    usesLeft: z.int(),
    expiresAt: timeMs,
    createdAt: timeMs,
    createdBy: z.string(),
  })
  .meta({ id: 'EnrolmentToken' })

const tokenWish = z.strictObject({
  group: plainName
    .default('default')
    .describe('Its devices get this as a tag, which the rules of device groups can name'),
  uses: z.int().min(1).max(10_000).default(1).describe('How many devices may use it'),
  hours: z
    .number()
    .min(0.1)
    .max(24 * 90)
    .default(24)
    .describe('How long it is good'),
})

const byId = z.strictObject({ id: deviceId })
const done = z.strictObject({ ok: z.literal(true) })
const hour = 3_600_000
const tags = ['devices']

export function deviceRoutes(bare: FastifyInstance, deps: DeviceRoutesDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const actor = (request: FastifyRequest) => actorOf(callerOf(request))
  const shown = (device: DeviceView) => ({
    ...device,
    tags: [...device.tags],
    inForce: [...device.inForce],
    connected: deps.devices.connected(device.id),
  })
  /** The store as the caller sees it. */
  const seen = (request: FastifyRequest) => ({
    store: { ...deps.store, read: seenBy(deps.store.read, callerOf(request)) },
  })
  const one = async (request: FastifyRequest, id: z.infer<typeof deviceId>) => {
    const device = await getDevice(seen(request), id)
    if (device === null) throw new RecourseError('not_found', `there is no device ${id}`)
    return shown(device)
  }

  app.get(
    '/v1/devices',
    {
      schema: {
        tags,
        summary: 'The devices, in the order in which they enrolled',
        querystring: z.strictObject({
          after: deviceId.optional(),
          limit: z.coerce.number().int().min(1).max(200).default(50),
          status: status.optional(),
        }),
        response: { 200: z.strictObject({ devices: z.array(deviceView), next: deviceId.nullable() }) },
      },
    },
    async (request) => {
      const { after, limit, status: wanted } = request.query
      const page = await listDevices(seen(request), {
        limit,
        ...(after === undefined ? {} : { after }),
        ...(wanted === undefined ? {} : { status: wanted }),
      })
      return { devices: page.devices.map(shown), next: page.next }
    },
  )

  app.get(
    '/v1/devices/:id',
    { schema: { tags, summary: 'One device', params: byId, response: { 200: deviceView } } },
    async (request) => one(request, request.params.id),
  )

  app.patch(
    '/v1/devices/:id',
    {
      schema: {
        tags,
        summary: 'Change what operators call a device',
        params: byId,
        body: z
          .strictObject({ name: plainName.optional(), tags: z.array(plainName).max(50).optional() })
          .refine((change) => Object.keys(change).length > 0, 'name at least one change'),
        response: { 200: deviceView },
      },
    },
    async (request) => {
      await one(request, request.params.id)
      const known = await describeDevice(deps, request.params.id, request.body, actor(request))
      if (!known) throw new RecourseError('not_found', `there is no device ${request.params.id}`)
      return one(request, request.params.id)
    },
  )

  app.post(
    '/v1/devices/:id/revoke',
    {
      schema: {
        tags,
        summary: 'End the trust in a device: it is refused at the handshake from now on',
        params: byId,
        body: z.strictObject({ comment }),
        response: { 200: deviceView },
      },
    },
    async (request) => {
      const { id } = request.params
      await one(request, id)
      const problem = await revokeDevice(deps, id, request.body.comment, actor(request))
      if (problem !== null) throw new RecourseError(problem)
      await deps.devices.refuse(id)
      return one(request, id)
    },
  )

  app.post(
    '/v1/devices/:id/break-glass-code',
    {
      schema: {
        tags,
        summary: 'Show the code with which root can undo on the device when no control plane answers; this is audited',
        params: byId,
        body: z.strictObject({ comment }),
        response: { 200: z.strictObject({ code: z.string(), expiresAt: timeMs, sentAt: time }) },
      },
    },
    async (request) => {
      const { id } = request.params
      await one(request, id)
      await deps.store.write((transaction) =>
        deps.audit.append(transaction, {
          actor: actor(request),
          kind: 'break-glass.asked-for',
          body: { device: id, comment: request.body.comment },
        }),
      )
      const codes = (await deps.breakGlass.reveal(id, actor(request))) ?? []
      // One that the device was never told of opens nothing.
      const [code] = codes.filter((it) => it.sentAt !== null)
      if (code === undefined) {
        throw new RecourseError('device_absent', 'the device has not connected yet, so it knows no code')
      }
      return code
    },
  )

  app.get(
    '/v1/enrolment-tokens',
    {
      schema: {
        tags,
        summary: 'Enrolment tokens, newest first; their text is never shown again',
        response: { 200: z.strictObject({ items: z.array(tokenView) }) },
      },
    },
    async () => ({ items: await listTokens(deps) }),
  )

  app.post(
    '/v1/enrolment-tokens',
    {
      schema: {
        tags,
        summary: 'Make an enrolment token; its text is shown only now',
        body: tokenWish,
        response: {
          201: tokenView.extend({ token: z.string(), server: z.string().describe('Where it enrols: host:port') }),
        },
      },
    },
    async (request, reply) => {
      const { group, uses, hours } = request.body
      const wish = { group, uses, lifeMs: Math.round(hours * hour) }
      const { token, text } = await createToken(deps, wish, actor(request))
      const { host, port } = deps.enrolAt
      const server = `${host.includes(':') ? `[${host}]` : host}:${port}`
      return reply.code(201).send({ ...token, token: text, server })
    },
  )

  app.delete(
    '/v1/enrolment-tokens/:id',
    {
      schema: {
        tags,
        summary: 'Make a token worthless',
        params: z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
        response: { 200: done },
      },
    },
    async (request) => {
      const withdrawn = await withdrawToken(deps, request.params.id, actor(request))
      if (!withdrawn) throw new RecourseError('not_found', 'there is no such token, or it is worthless already')
      return { ok: true as const }
    },
  )
}
