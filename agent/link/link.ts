import { createPrivateKey } from 'node:crypto'
import { closing, lasting } from '../../protocol/closing.ts'
import { encode } from '../../protocol/codec.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { DeviceFacts, DeviceMessage } from '../../protocol/messages.ts'
import { agreeOn, protocolVersions } from '../../protocol/version.ts'
import type { Core } from '../core/core.ts'
import type { Log } from '../core/log.ts'
import { type Backoff, type BackoffLimits, createBackoff, defaultBackoff } from './backoff.ts'
import { certificateRequest } from './certificate-request.ts'
import { type Connection, type Credentials, credentialsOf, type Ending, openConnection } from './connection.ts'
import { certificateLife, type Identity, renewal } from './identity.ts'
import { type Inbox, openInbox } from './inbox.ts'
import type { Places } from './places.ts'
import { type Pump, startPump } from './pump.ts'

/*
 * INVARIANTS
 * - There is one connection, or one try, or one wait; never two of them.
 * - Nothing of importance lives here: reports are in the outbox, orders in the core. A connection may be cut at any byte and nothing is lost or doubled.
 */

export interface LinkDeps {
  readonly folder: string
  readonly identity: Identity
  readonly core: Core
  readonly places: Places
  readonly log: Log
  facts(): DeviceFacts
  nowMs(): number
  /** Moves only forward. */
  monotonicMs(): number
  /** From 0 up to 1. */
  random(): number
  readonly limits?: Partial<LinkLimits>
}

export interface LinkLimits extends BackoffLimits {
  /** The connection is half open when nothing was heard for so long; the server pings every half minute. */
  readonly silentMs: number
  readonly lookEveryMs: number
  readonly welcomeMs: number
}

const defaultLimits: LinkLimits = { ...defaultBackoff, silentMs: 90_000, lookEveryMs: 15_000, welcomeMs: 10_000 }

export interface LinkState {
  readonly link: 'connected' | 'connecting' | 'waiting' | 'stopped'
  /** Since when, in milliseconds since 1970. */
  readonly since: number
  /** Why the last connection ended or could not be made; null before the first. */
  readonly trouble: { readonly code: ErrorCode | null; readonly detail: string } | null
  readonly certificateExpiresAt: number
}

export interface Link {
  state(): LinkState
  /** Tries now instead of waiting. */
  hurry(): void
  stop(): Promise<void>
}

/** Holds the connection to the control plane from now on. */
export function startLink(deps: LinkDeps): Link {
  const limits = { ...defaultLimits, ...deps.limits }
  const backoff: Backoff = createBackoff(deps.random, limits)
  let identity = deps.identity
  let credentials: Credentials = credentialsOf(identity)
  let certificateExpiresAt = certificateLife(identity).to
  let state: Pick<LinkState, 'link' | 'since' | 'trouble'> = { link: 'connecting', since: deps.nowMs(), trouble: null }
  let stopped = false
  let wake: (() => void) | null = null
  let current: Conversation | null = null

  const enter = (link: LinkState['link'], trouble = state.trouble) => {
    state = { link, since: deps.nowMs(), trouble }
  }
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const keep = (next: Identity) => {
    identity = next
    credentials = credentialsOf(next)
    certificateExpiresAt = certificateLife(next).to
    deps.log.info({ until: certificateExpiresAt }, 'the certificate was renewed')
  }

  const run = async (): Promise<void> => {
    for (let attempt = 0; !stopped; attempt++) {
      enter('connecting')
      const address = await deps.places.address(attempt)
      if (stopped) break
      const begun = deps.monotonicMs()
      current = converse({ ...deps, limits, identity, credentials, address, keep }, () => {
        attempt = -1
        enter('connected', null)
        deps.log.info({ address }, 'connected')
      })
      const ending = await current.ended
      current = null
      backoff.lasted(deps.monotonicMs() - begun)
      if (stopped) break
      // Once it was said, the handshakes of a revoked device break off without a word; it stays true until one succeeds.
      const revoked = state.trouble?.code === 'device_revoked'
      const code = codeOf(ending) ?? (revoked ? 'device_revoked' : null)
      enter('waiting', { code, detail: ending.detail })
      const ms = backoff.next(lasting.has(ending.closeCode) || code === 'device_revoked')
      deps.log.warn({ closeCode: ending.closeCode, detail: ending.detail, againInMs: Math.round(ms) }, 'not connected')
      await wait(ms)
      wake = null
    }
    enter('stopped')
  }
  const running = run()

  return {
    state: () => ({ ...state, certificateExpiresAt }),
    hurry: () => wake?.(),
    async stop() {
      stopped = true
      wake?.()
      current?.stop()
      await running
    },
  }
}

function codeOf({ code, closeCode }: Ending): ErrorCode | null {
  if (code !== null) return code
  if (closeCode === closing.revoked) return 'device_revoked'
  return closeCode === closing.protocol ? 'protocol_unsupported' : null
}

interface Conversation {
  readonly ended: Promise<Ending>
  stop(): void
}

interface ConversationDeps extends Omit<LinkDeps, 'limits'> {
  readonly limits: LinkLimits
  readonly credentials: Credentials
  readonly address: string
  keep(identity: Identity): void
}

/** One connection from its first byte to its last. */
function converse(deps: ConversationDeps, connected: () => void): Conversation {
  const { core, limits, log, monotonicMs, nowMs } = deps
  const { promise: ended, resolve: finish } = Promise.withResolvers<Ending>()
  let identity = deps.identity
  let held = false
  let heardAt = monotonicMs()
  let pump: Pump | null = null
  let renewing: ReturnType<typeof renewal> | null = null
  let factsSaid = ''
  const connection: Connection = openConnection(identity, deps.address, deps.credentials, {
    opened(address) {
      const facts = deps.facts()
      factsSaid = JSON.stringify(facts)
      send({ type: 'hello', protocol: [...protocolVersions], deviceId: identity.deviceId, facts, at: nowMs() })
      attempt(() => deps.places.proven(address))
    },
    message: (frame) => inbox.take(frame),
    heard: () => {
      heardAt = monotonicMs()
    },
    ended(ending) {
      clearInterval(looking)
      pump?.stop()
      core.handing.cut()
      inbox.stop()
      finish(ending)
    },
  })
  const troubled = (failure: unknown) => log.error({ err: failure }, 'the link could not read or write its state')
  const attempt = (work: () => void) => {
    try {
      work()
    } catch (failure) {
      troubled(failure)
    }
  }
  const send = (message: DeviceMessage) => void connection.send(encode(message))

  const inbox: Inbox = openInbox({
    core,
    log,
    send,
    hold(now) {
      held = now
      heardAt = monotonicMs()
      if (held) connection.pause()
      else connection.resume()
    },
    welcome({ protocol, stored }) {
      if (agreeOn([protocol]) === null) return connection.cut()
      connected()
      pump = startPump(core.outbox, { ...connection, trouble: troubled }, stored)
      // A disk that takes nothing is not worth the connection; the statement follows with the next one.
      attempt(() => core.restate())
      core.handing.connected((message) => connection.send(encode(message)))
      attempt(renewWhenDue)
    },
    stored: (sequence) => pump?.stored(sequence),
    certificate(pem) {
      if (renewing === null) return
      const { keep } = renewing
      renewing = null
      try {
        identity = keep(pem)
        deps.keep(identity)
      } catch (failure) {
        log.error({ err: failure }, 'the new certificate is of no use')
      }
    },
  })

  const renewWhenDue = () => {
    const { from, to } = certificateLife(identity)
    const now = nowMs()
    // A clock that says the certificate is not valid yet is not to be asked whether it is old.
    if (renewing !== null || now < from || now < from + ((to - from) * 2) / 3) return
    renewing = renewal(deps.folder, identity)
    send({ type: 'renew', csr: certificateRequest(createPrivateKey(renewing.privateKeyPem)) })
  }
  const begun = monotonicMs()
  let looks = 0
  const looking = setInterval(() => {
    const quietMs = monotonicMs() - heardAt
    if (pump === null && monotonicMs() - begun > limits.welcomeMs) return connection.cut()
    if (quietMs > limits.silentMs && !held) return connection.cut()
    if (quietMs > limits.silentMs / 2) connection.ping()
    pump?.look()
    if (pump === null || ++looks % 240 !== 0) return
    renewing = null
    attempt(renewWhenDue)
    const facts = deps.facts()
    if (JSON.stringify(facts) === factsSaid) return
    factsSaid = JSON.stringify(facts)
    send({ type: 'facts', facts })
  }, limits.lookEveryMs)

  return { ended, stop: () => connection.close() }
}
