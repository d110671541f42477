import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { openTurns } from './turns.ts'

/**
 * The network between devices and control plane, on loopback: every device has an address and a door of its own, through which it
 * reaches the control plane, and at which bytes can be delayed, held up or cut.
 *
 * INVARIANTS
 * - Bytes pass in order and unchanged, or not at all: TLS would notice anything else, and that is its business to prove.
 * - What waits in a delay is bounded; beyond that the sender is not read from.
 * - A frozen connection never thaws: bytes were lost. It stays open on both sides until somebody gives it up.
 */
export interface Relay {
  /** Where doors lead now; a control plane that restarts may come back elsewhere. */
  leadTo(place: Place): void
  /** @param address of the device on loopback, `127.x.y.z` */
  door(address: string, weather?: Weather): Door
  readonly port: number
  counts(): { readonly open: number; readonly passed: number; readonly cut: number; readonly bytes: number }
  close(): Promise<void>
}

export interface Place {
  readonly host: string
  readonly port: number
}

/** One-way delay of each piece, milliseconds: latency and up to as much jitter on top. */
export interface Weather {
  readonly latencyMs: number
  readonly jitterMs: number
}

/** What becomes of a new connection: passed on, refused at once, or taken and never answered. */
export type Reach = 'open' | 'refuses' | 'swallows'

export interface Door {
  /** Lets the next connection in; call before each try. Resolves when it is its turn (see {@link RelayOptions.atOnce}). */
  unlock(): Promise<void>
  /** It is through with shaking hands, or no longer wishes to: somebody else may. */
  letNext(): void
  /** Breaks the connection off, for both sides. */
  cut(): void
  /** From now on nothing passes and nobody is told: half open. */
  freeze(): void
  /** The device no longer takes what it is sent; or takes it again. */
  stall(on: boolean): void
  /** For this and all later connections. */
  setWeather(weather: Weather): void
  setReach(reach: Reach): void
  /** How it stands, in words, for who looks for a device that does not come back. */
  words(): string
  close(): void
}

const calm: Weather = { latencyMs: 0, jitterMs: 0 }
const mostWaitingBytes = 1_048_576

export interface RelayOptions {
  /** From 0 up to 1. */
  random(): number
  readonly to: Place
  /**
   * So many devices shake hands at a time, the others wait for their turn. Real devices have a processor each; where thousands share one and
   * all shake hands at once, each takes longer than its patience, and none ever gets through.
   */
  readonly atOnce?: number
}

const handshakesAtOnce = 64
/** Longer than a device waits for a handshake. */
const turnMs = 15_000

/** Opens the relay on a free port of loopback. */
export async function openRelay({ random, to, atOnce = handshakesAtOnce }: RelayOptions): Promise<Relay> {
  let place = to
  const sockets = new Set<Socket>()
  const counts = { passed: 0, cut: 0, bytes: 0 }
  const doors = new Set<Door>()
  // Holds the port number, so that the doors can have it at their own addresses.
  const holder = createServer((socket) => socket.destroy())
  await listen(holder, 0, '127.0.0.1')
  const { port } = holder.address() as AddressInfo

  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  }

  const turns = openTurns(atOnce, turnMs)
  const openDoor = (address: string, first: Weather): Door => {
    const turn = turns.place()
    let weather = first
    let reach: Reach = 'open'
    let listening: Server | null = null
    let line: Line | null = null
    let closed = false
    const refuses = () => reach === 'refuses'

    const enter = (near: Socket) => {
      keep(near)
      if (reach === 'swallows') {
        turn.end()
        return void near.resume()
      }
      const far = connect({ ...place, ...(isLoopback(place.host) ? { localAddress: address } : {}) })
      keep(far)
      counts.passed++
      const mine: Line = { near, far, frozen: false, stalled: false }
      line = mine
      near.on('close', () => {
        if (line === mine) turn.end()
        if (!mine.frozen) far.destroy()
      })
      far.on('close', () => mine.frozen || near.destroy())
      const passing = {
        weather: () => weather,
        random,
        frozen: () => mine.frozen,
        stalled: () => false,
        count: (n: number) => (counts.bytes += n),
      }
      pass(near, far, passing)
      pass(far, near, { ...passing, stalled: () => mine.stalled })
    }
    const lock = () => {
      listening?.close()
      listening = null
    }
    const door: Door = {
      async unlock() {
        if (listening !== null || refuses()) return
        // What is swallowed costs nobody a handshake.
        if (reach === 'open' && !(await turn.begin())) return
        if (closed || refuses()) return turn.end()
        if (listening !== null) return
        const server = createServer((socket) => {
          lock()
          enter(socket)
        })
        server.on('error', () => undefined)
        listening = server
        await listen(server, port, address)
        // Locked before it was open, it may have opened all the same.
        if (listening !== server) server.close()
      },
      letNext: () => turn.end(),
      cut() {
        turn.end()
        if (line === null) return
        counts.cut++
        line.near.resetAndDestroy()
        line.far.resetAndDestroy()
        line = null
      },
      freeze() {
        turn.end()
        if (line === null) return
        line.frozen = true
        line = null
      },
      stall(on) {
        if (line === null) return
        line.stalled = on
        if (on) line.far.pause()
        else line.far.resume()
      },
      setWeather(next) {
        weather = next
      },
      setReach(next) {
        reach = next
        if (next === 'open') return
        turn.end()
        lock()
      },
      words() {
        const lets = { open: 'lets it through', refuses: 'refuses it', swallows: 'swallows what it says' }[reach]
        const now =
          line !== null && !line.near.destroyed ? 'has it inside' : listening === null ? 'is locked' : 'is unlocked'
        return `its door ${lets} and ${now}`
      },
      close() {
        closed = true
        turn.end()
        lock()
        line?.near.destroy()
        line?.far.destroy()
        doors.delete(door)
      },
    }
    doors.add(door)
    return door
  }

  return {
    port,
    leadTo(next) {
      place = next
    },
    door: (address, weather = calm) => openDoor(address, weather),
    counts: () => ({ open: sockets.size, ...counts }),
    close: () =>
      new Promise((resolve) => {
        for (const door of doors) door.close()
        for (const socket of sockets) socket.destroy()
        holder.close(() => resolve())
      }),
  }
}

interface Line {
  readonly near: Socket
  readonly far: Socket
  frozen: boolean
  /** The device takes nothing of what it is sent. */
  stalled: boolean
}

interface Passing {
  weather(): Weather
  random(): number
  frozen(): boolean
  stalled(): boolean
  count(bytes: number): void
}

/** Passes one way of a connection on, each piece after its delay and never before the one in front of it. */
function pass(from: Socket, into: Socket, { weather, random, frozen, stalled, count }: Passing): void {
  /** In one line with one timer: timers of their own overtake each other by a millisecond, and by much more where a turn of the machine is long. */
  const line: { readonly chunk: Buffer; readonly due: number }[] = []
  let waiting = 0
  let timer: NodeJS.Timeout | null = null
  let ended = false
  const goOn = () => {
    if (waiting < mostWaitingBytes && !into.writableNeedDrain && !stalled()) from.resume()
  }
  const deliver = (chunk: Buffer) => {
    if (frozen() || into.destroyed) return
    if (!into.write(chunk)) from.pause()
  }
  const deliverDue = () => {
    timer = null
    for (let first = line[0]; first !== undefined && first.due <= performance.now(); first = line[0]) {
      line.shift()
      waiting -= first.chunk.length
      deliver(first.chunk)
    }
    if (line.length > 0) return wait()
    if (ended && !frozen()) into.end()
    goOn()
  }
  const wait = () => {
    timer ??= setTimeout(deliverDue, Math.max(1, Math.ceil((line[0]?.due ?? 0) - performance.now())))
  }
  into.on('drain', goOn)
  from.on('data', (chunk: Buffer) => {
    if (frozen()) return
    count(chunk.length)
    const { latencyMs, jitterMs } = weather()
    if (latencyMs === 0 && jitterMs === 0 && line.length === 0) return deliver(chunk)
    line.push({ chunk, due: performance.now() + latencyMs + random() * jitterMs })
    waiting += chunk.length
    if (waiting >= mostWaitingBytes) from.pause()
    wait()
  })
  from.on('end', () => {
    ended = true
    if (!frozen() && line.length === 0) into.end()
  })
}

/** A way in for enrolment: every connection leaves from another address, as those of many machines do. */
export async function openEnrolWay(
  to: Place,
  addressOf: (count: number) => string,
): Promise<Place & { close(): void }> {
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer((near) => {
    const far = connect({ ...to, ...(isLoopback(to.host) ? { localAddress: addressOf(count++) } : {}) })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    far.pipe(near)
  })
  await listen(server, 0, '127.0.0.1')
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

export const isLoopback = (host: string): boolean => host === 'localhost' || host.startsWith('127.')

const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    // One that is closed before it listens never says that it does.
    server.once('close', resolve)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
