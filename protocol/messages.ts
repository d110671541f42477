import * as z from 'zod'
import { actionNames } from './actions/index.ts'
import { errorCodes } from './errors.ts'
import { filePath } from './file-path.ts'
import { sha256 } from './file-record.ts'
import { actionId, deviceId } from './ids.ts'
import { keyId, order, signed } from './mandate.ts'
import { evidence, outcome, preview, timeMs } from './outcome.ts'
import { effect } from './status.ts'

/** Most bytes of one `content` message. */
export const contentPieceBytes = 65_536

const sequence = z.int().min(1)
const text = (length: number) => z.string().max(length)

/** What this agent can do with an action here and now, and how well that is shown to work. */
export const capability = z.strictObject({
  action: z.enum(actionNames),
  support: z.enum(['supported', 'unproven', 'unsupported']),
  /** For people: why not, what is unproven, or what limits it; empty for nothing. */
  reason: text(1_000),
})
export type Capability = z.infer<typeof capability>

export const deviceFacts = z.strictObject({
  platform: z.enum(['linux', 'windows']),
  osName: text(256),
  osVersion: text(256),
  hostName: text(255),
  architecture: text(32),
  agentVersion: text(64),
  bootId: text(64),
  /** True for a device of the simulator, which is shown as such. */
  simulated: z.boolean(),
  addresses: z.array(text(64)).max(256),
  capabilities: z.array(capability).max(256),
})
export type DeviceFacts = z.infer<typeof deviceFacts>

/** One effect as the device sees it at the time of the statement. */
export const inForceEntry = z.strictObject({
  actionId,
  action: z.enum(actionNames),
  effect,
  provedAt: timeMs,
  until: timeMs.nullable(),
})
export type InForceEntry = z.infer<typeof inForceEntry>

/** What the device must get across; kept in its outbox until stored (JRN4). Times are the device's own. */
export const report = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('received'), actionId, at: timeMs }),
  z.strictObject({ kind: z.literal('begun'), actionId, at: timeMs }),
  z.strictObject({ kind: z.literal('ended'), actionId, outcome }),
  /** The effect changed without an order of its own: it lapsed, was undone locally, tampered with, purged, or proved again. */
  z.strictObject({
    kind: z.literal('effect'),
    actionId,
    effect,
    cause: z.enum(['lapsed', 'break-glass', 'tampered', 'proved', 'purged']),
    evidence: z.array(evidence).max(100),
    at: timeMs,
  }),
  /** Everything in force, sent after each connect and after each change; the answer to “what is in force now”. */
  z.strictObject({ kind: z.literal('in-force'), entries: z.array(inForceEntry).max(10_000), at: timeMs }),
  /** The answer to a cancel that came too late or hit an unknown order. */
  z.strictObject({ kind: z.literal('cancel-answer'), actionId, cancelled: z.boolean(), at: timeMs }),
  z.strictObject({
    kind: z.literal('alert'),
    /** The device's own id of the finding; the same one twice is one alert. */
    alertKey: text(256),
    title: text(1_000),
    verdict: z.enum(['malicious', 'suspicious', 'no-threat', 'unknown']),
    evidence: z
      .array(
        z.discriminatedUnion('kind', [
          z.strictObject({ kind: z.literal('file'), path: filePath, sha256, sizeBytes: z.int().min(0) }),
        ]),
      )
      .max(100),
    reasons: z.array(text(1_000)).max(100),
    at: timeMs,
  }),
])
export type Report = z.infer<typeof report>

/** From device to control plane. */
export const deviceMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('hello'),
    protocol: z.array(z.int()).min(1).max(32),
    deviceId,
    facts: deviceFacts,
    at: timeMs,
  }),
  /** `sequence` grows by one per report of this device, for ever; a gap or a repeat shows. */
  z.strictObject({ type: z.literal('report'), sequence, report }),
  z.strictObject({ type: z.literal('preview'), request: z.int(), preview }),
  z.strictObject({ type: z.literal('renew'), csr: z.instanceof(Uint8Array) }),
  z.strictObject({ type: z.literal('facts'), facts: deviceFacts }),
  /** A piece of a file that was asked for (VLT7). Without bytes it asks where to go on. */
  z.strictObject({
    type: z.literal('content'),
    actionId,
    /** Of the whole file. */
    sizeBytes: z.int().min(0),
    offset: z.int().min(0),
    bytes: z.instanceof(Uint8Array).refine((it) => it.length <= contentPieceBytes, 'a longer piece'),
  }),
  z.strictObject({ type: z.literal('trouble'), code: z.enum(errorCodes), about: text(64) }),
])
export type DeviceMessage = z.infer<typeof deviceMessage>

/** From control plane to device. */
export const serverMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('welcome'),
    protocol: z.int(),
    /** Everything up to here is stored; the device resends from the next one on. 0 for nothing yet. */
    stored: z.int().min(0),
    at: timeMs,
  }),
  z.strictObject({ type: z.literal('order'), order }),
  z.strictObject({ type: z.literal('cancel'), actionId }),
  z.strictObject({
    type: z.literal('preview'),
    request: z.int(),
    ask: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('do'), action: z.enum(actionNames), params: z.unknown() }),
      z.strictObject({ kind: z.literal('undo'), undoOf: actionId }),
    ]),
  }),
  /** Every report up to this sequence is durable on the server; the device may forget them. */
  z.strictObject({ type: z.literal('stored'), sequence: z.int().min(0) }),
  /** Everything before `upTo` has arrived; `whole` when that is all and it has the right hash. The device goes on from there. */
  z.strictObject({ type: z.literal('content-taken'), actionId, upTo: z.int().min(0), whole: z.boolean() }),
  z.strictObject({ type: z.literal('content-refused'), actionId, code: z.enum(errorCodes) }),
  z.strictObject({ type: z.literal('certificate'), pem: text(65_536) }),
  z.strictObject({ type: z.literal('key'), statement: signed }),
  z.strictObject({ type: z.literal('break-glass'), grant: signed }),
  z.strictObject({ type: z.literal('trouble'), code: z.enum(errorCodes), about: text(64) }),
])
export type ServerMessage = z.infer<typeof serverMessage>

/** The body of `POST /enrol`, JSON over TLS that shows the pinned CA (TRU1). */
export const enrolRequest = z.strictObject({ token: text(512), csrPem: text(16_384), facts: deviceFacts })
export type EnrolRequest = z.infer<typeof enrolRequest>

/** What a device keeps of its enrolment. `gateway` names where it connects; hosts may be names or addresses. */
export const enrolAnswer = z.strictObject({
  deviceId,
  certificatePem: text(65_536),
  caPem: text(65_536),
  gateway: z.strictObject({ host: text(255), port: z.int().min(1).max(65_535) }),
  /** A port of the control plane that isolation does not spare: what an isolated device must not reach (ISO2). */
  canary: z.strictObject({ host: text(255), port: z.int().min(1).max(65_535) }),
  mandateKeys: z
    .array(z.strictObject({ keyId, publicKeyHex: z.string().regex(/^[0-9a-f]{64}$/), recovery: z.boolean() }))
    .min(1)
    .max(16),
})
export type EnrolAnswer = z.infer<typeof enrolAnswer>
