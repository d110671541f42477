import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { type Closing, closing } from '../../protocol/closing.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Order, Signed } from '../../protocol/mandate.ts'
import type { DeviceMessage, ServerMessage } from '../../protocol/messages.ts'
import type { Preview } from '../../protocol/outcome.ts'
import { agreeOn } from '../../protocol/version.ts'
import type { Admitted } from '../devices/devices.ts'
import { Allowances } from './allowance.ts'
import { ContentLine } from './content-line.ts'
import { Dispatch } from './dispatch.ts'
import { Intake } from './intake.ts'
import { Outgoing } from './outgoing.ts'
import type { Peer } from './peer.ts'
import { Previews } from './previews.ts'
import { readFrame } from './read-frame.ts'
import type { PreviewAsk } from './seam.ts'
import type { SessionDeps } from './session-deps.ts'

/*
 * INVARIANTS
 * - Who the device is comes from its certificate alone; a hello that says otherwise ends the connection.
 * - Before the hello is accepted nothing but a hello is listened to; after the end nothing is.
 * - Whatever a frame holds, the worst it does is end its own connection (TRU6).
 */

/** One connection of one device. */
export class Session {
  readonly peer: Peer
  readonly #deps: SessionDeps
  readonly #socket: WebSocket
  readonly #outgoing: Outgoing
  #phase: 'expecting-hello' | 'admitting' | 'open' | 'ending' = 'expecting-hello'
  #openedAt: number
  #heardAt: number
  /** Until when it is not read from because it sends too fast. */
  #heldUntil = 0
  #malformed = 0
  #grantAt = Number.POSITIVE_INFINITY
  /** Agreed on at the hello. */
  #protocol = 1
  readonly #allowances: Allowances<'others' | 'bytes' | 'reports' | 'renewals'>
  #intake: Intake | null = null
  #dispatch: Dispatch | null = null
  /** These two are made with the first question and the first piece of a file; most connections never see one. */
  #previews: Previews | null = null
  #contents: ContentLine | null = null

  constructor(deps: SessionDeps, socket: WebSocket, stream: Duplex, peer: Peer) {
    this.#deps = deps
    this.#socket = socket
    this.#outgoing = new Outgoing(socket, stream, deps)
    this.peer = peer
    const now = deps.monotonicMs()
    this.#openedAt = now
    this.#heardAt = now
    this.#allowances = new Allowances<'others' | 'bytes' | 'reports' | 'renewals'>(deps.limits)
    socket.on('message', (data, isBinary) => {
      if (this.#phase === 'expecting-hello') deps.greet(() => this.#frame(data, isBinary))
      else this.#frame(data, isBinary)
    })
    socket.on('pong', () => {
      this.#heardAt = deps.monotonicMs()
    })
    socket.on('ping', () => {
      this.#heardAt = deps.monotonicMs()
      this.#spend('others')
    })
    socket.on('close', () => this.#gone())
    // A frame above the limit arrives here; the library has already answered with close code 1009.
    socket.on('error', (error) => deps.log.debug({ device: peer.device, error: error.message }, 'connection failed'))
    deps.lookAt(this, now + deps.limits.helloWithinMs)
  }

  get open(): boolean {
    return this.#phase === 'open'
  }

  /** False when the connection is not there (any more). */
  send(message: ServerMessage): boolean {
    return this.#outgoing.send(message)
  }

  nudge(about?: ActionId): void {
    this.#dispatch?.nudge(about)
  }

  /** Whether an order handed over now would go out next. */
  get ready(): boolean {
    return this.open && this.#dispatch?.ready === true
  }

  deliver(action: ActionId, order: Order): void {
    this.#dispatch?.deliver(action, order)
  }

  preview(ask: PreviewAsk, timeoutMs: number): Promise<Preview> {
    this.#previews ??= new Previews(this.#deps.limits.previewsWaiting)
    return this.#previews.ask(ask, timeoutMs, (message) => this.open && this.send(message))
  }

  /** Ends the connection, saying why; what the device still sends is not listened to. */
  end(why: Closing, code?: ErrorCode): void {
    if (this.#phase === 'ending') return
    if (code !== undefined) this.send({ type: 'trouble', code, about: '' })
    this.#socket.resume()
    this.#socket.close(closing[why], why)
    this.#stop()
    // A device that does not answer the closing handshake is cut off at the next look.
    this.#deps.lookAt(this, this.#deps.monotonicMs() + 2_000)
  }

  /** Looks after the connection: heartbeat, half-open and slow ones, what is overdue. The caller's clock is the only one there is. */
  look(): void {
    const { limits, nowMs, monotonicMs, lookAt } = this.#deps
    const now = monotonicMs()
    if (this.#phase === 'ending') return this.#socket.terminate()
    if (this.#phase !== 'open') {
      if (now - this.#openedAt >= limits.helloWithinMs) this.end('silent')
      else lookAt(this, this.#openedAt + limits.helloWithinMs)
      return
    }
    if (this.#heldUntil !== 0 && now >= this.#heldUntil) this.#heldUntil = 0
    this.#readOrHold()
    const quietMs = now - this.#heardAt
    // Who is not read from cannot be heard.
    if (quietMs >= limits.silentAfterMs && !this.#socket.isPaused) return this.#socket.terminate()
    if (this.#outgoing.isSlow(now)) return this.#socket.terminate()
    if (this.peer.notAfter <= nowMs()) return this.end('expired')
    if (now - this.#grantAt >= limits.grantEveryMs) this.#giveGrant()
    this.#dispatch?.look()
    this.#socket.ping()
    this.#heartbeat()
  }

  #heartbeat(): void {
    const { limits, monotonicMs, random, lookAt } = this.#deps
    const next = monotonicMs() + limits.pingEveryMs * (0.75 + random() / 2)
    lookAt(this, this.#heldUntil === 0 ? next : Math.min(next, this.#heldUntil))
  }

  #frame(data: RawData, isBinary: boolean): void {
    if (this.#phase === 'ending') return
    this.#heardAt = this.#deps.monotonicMs()
    if (!isBinary || !Buffer.isBuffer(data)) return this.#cannotRead('frame_malformed', '')
    this.#holdFor(this.#allowances.spend('bytes', data.length, this.#heardAt))
    const read = readFrame(data)
    switch (read.kind) {
      case 'message':
        return this.#message(read.message, data.length)
      case 'unknown':
        // A newer agent may say more than is understood here; it is told, and goes on (TRU6).
        if (this.#spend('others')) this.send({ type: 'trouble', code: 'message_unknown', about: read.type })
        return
      case 'unreadable':
        return this.#cannotRead(read.code, read.about)
    }
  }

  #message(message: DeviceMessage, bytes: number): void {
    if (message.type === 'hello') {
      if (this.#phase !== 'expecting-hello') return this.#cannotRead('message_malformed', 'hello')
      this.#phase = 'admitting'
      this.#hello(message).catch((failure: unknown) => this.#fault(failure))
      return
    }
    if (this.#phase !== 'open') return this.#cannotRead('message_malformed', message.type)
    if (message.type !== 'report' && message.type !== 'content' && !this.#spend('others')) return
    switch (message.type) {
      case 'report':
        return this.#report(message, bytes)
      case 'content':
        this.#contents ??= new ContentLine(this.#deps.contents, this.peer.device, this, (it) => this.#fault(it))
        if (!this.#contents.offer(message)) return this.end('flooded', 'flooded')
        return this.#holdFor(this.#allowances.spend('reports', 1, this.#heardAt))
      case 'preview':
        return this.#previews?.answer(message.request, message.preview)
      case 'renew':
        if (this.#spend('renewals')) this.#renew(message.csr).catch((failure: unknown) => this.#fault(failure))
        return
      case 'facts':
        this.#deps.desk.takeFacts(this.peer.device, message.facts, null).catch((it: unknown) => this.#fault(it))
        return
      case 'trouble':
        return this.#deps.log.warn({ ...message, device: this.peer.device }, 'the device could not use a message')
    }
  }

  async #hello(hello: Extract<DeviceMessage, { type: 'hello' }>): Promise<void> {
    const { desk, actions, limits, room, nowMs, monotonicMs, log } = this.#deps
    const { device, serial } = this.peer
    if (hello.deviceId !== device) {
      log.warn({ device, says: hello.deviceId }, 'a device calls itself by the id of another')
      return this.end('malformed', 'message_malformed')
    }
    const protocol = agreeOn(hello.protocol)
    if (protocol === null) return this.end('protocol', 'protocol_unsupported')
    this.#protocol = protocol
    const admitted = await desk.admit(device, serial)
    if (this.#phase !== 'admitting') return
    if (typeof admitted === 'string') return this.end('revoked', 'device_revoked')
    const failed = (failure: unknown) => this.#fault(failure)
    const { stored, facts, grant } = admitted
    this.#intake = new Intake(
      {
        device,
        actions,
        limits,
        room,
        acknowledge: (sequence) => this.send({ type: 'stored', sequence }),
        stored: (reports) => {
          this.#dispatch?.confirm(reports)
          // A code was used up on the device: it gets another one at once.
          if (reports.some((it) => it.kind === 'effect' && it.cause === 'break-glass')) this.#giveGrant()
        },
        lost: (upTo) => desk.lost(device, stored, upTo),
        drained: () => this.#readOrHold(),
        failed,
      },
      stored,
    )
    this.#dispatch = new Dispatch({
      device,
      actions,
      limits,
      monotonicMs,
      failed,
      send: (order) => this.#outgoing.order(order),
    })
    this.#phase = 'open'
    this.#deps.opened(this)
    this.#outgoing.together()
    this.send({ type: 'welcome', protocol, stored, at: nowMs() })
    desk.presence.seen(device)
    this.#heartbeat()
    for (const statement of await actions.keyStatements()) this.#outgoing.key(statement)
    this.#giveGrant(grant)
    await desk.takeFacts(device, hello.facts, facts)
    // Looked at after the device counts as open: an order of later than this nudges it.
    const awaited = await actions.isAwaited(device)
    if (awaited) for (const actionId of await actions.cancelsFor(device)) this.send({ type: 'cancel', actionId })
    // After the keys, so that no order outruns the key it is signed with.
    this.#dispatch.begin(awaited)
  }

  /** Sees to it that the device holds a break-glass grant that is good for long; at each connection, and daily while it lasts. */
  #giveGrant(newest?: Admitted['grant']): void {
    const { desk, monotonicMs } = this.#deps
    this.#grantAt = monotonicMs()
    const send = (grant: Signed) => this.send({ type: 'break-glass', grant })
    desk.giveGrant(this.peer.device, this.#protocol, send, newest).catch((failure: unknown) => this.#fault(failure))
  }

  #report({ sequence, report }: Extract<DeviceMessage, { type: 'report' }>, bytes: number): void {
    const offered = this.#intake?.offer(sequence, report, bytes)
    switch (offered) {
      case 'taken':
        this.#holdFor(this.#allowances.spend('reports', 1, this.#heardAt))
        return this.#readOrHold()
      case 'too-many':
        return this.end('flooded', 'flooded')
      case 'seen-before':
        this.#spend('others')
        return
      case 'out-of-order':
      case undefined:
        return this.#cannotRead('message_malformed', 'report')
    }
  }

  async #renew(csr: Uint8Array): Promise<void> {
    const renewed = await this.#deps.desk.renew(this.peer.device, csr)
    if (typeof renewed === 'string') this.send({ type: 'trouble', code: renewed, about: 'renew' })
    else this.send({ type: 'certificate', pem: renewed.pem })
  }

  /** False when that was too much: the connection ends. */
  #spend(kind: 'others' | 'renewals'): boolean {
    if (this.#allowances.spend(kind, 1, this.#deps.monotonicMs()) === 0) return true
    this.end('flooded', 'flooded')
    return false
  }

  /** Does not read from the device for so long. */
  #holdFor(ms: number): void {
    if (ms === 0) return
    this.#heldUntil = Math.max(this.#heldUntil, this.#deps.monotonicMs() + ms)
    this.#readOrHold()
    this.#deps.lookAt(this, this.#heldUntil)
  }

  #readOrHold(): void {
    if (this.#phase === 'ending') return
    if (this.#heldUntil !== 0 || this.#intake?.full() === true) this.#socket.pause()
    else if (this.#socket.isPaused) {
      this.#heardAt = this.#deps.monotonicMs()
      this.#socket.resume()
    }
  }

  #cannotRead(code: ErrorCode, about: string): void {
    this.#deps.log.warn({ device: this.peer.device, code, about }, 'a frame of a device cannot be read')
    if (++this.#malformed >= this.#deps.limits.malformed || this.#phase !== 'open') return this.end('malformed', code)
    this.send({ type: 'trouble', code, about: about.slice(0, 64) })
  }

  #fault(failure: unknown): void {
    // Work that outlives its connection meets whatever is closed by then, the store at a stop; nothing was promised for it.
    const about = { device: this.peer.device, err: failure }
    if (this.#phase === 'ending') return this.#deps.log.debug(about, 'work for a connection that has ended failed')
    this.#deps.log.error(about, 'a connection ends because of a fault')
    this.end('fault')
  }

  #stop(): void {
    this.#phase = 'ending'
    this.#intake?.stop()
    this.#dispatch?.stop()
    this.#previews?.end()
    this.#contents?.stop()
  }

  #gone(): void {
    this.#stop()
    this.#deps.ended(this)
  }
}
