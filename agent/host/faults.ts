import type { Directory, Files, Firewall, Host, Machine, OpenFile, Processes, ProcessHandle } from './host.ts'
import { HostError } from './host.ts'

/**
 * Stops the world before and after every effect on the machine, so that a test can crash an agent at each of them (JRN2).
 *
 * INVARIANTS
 * - Every effect of the seam is announced, in order, and nothing else is: {@link seam} names each method, and one that is missing
 *   there does not compile.
 * - `before` is announced when nothing has happened yet, `after` when everything has. An effect that threw is not announced again.
 * - Once `onEffect` has thrown, the agent behind this host is dead: every further call throws the same thing and changes nothing.
 *   Only closing handles stays silent, as the end of a process closes them too.
 * - The exception is a {@link HostError} thrown from `before`: that is the machine refusing this one effect, and life goes on.
 */
export const withFaults = (host: Host, onEffect: OnEffect): Host => {
  let end: { readonly cause: unknown } | null = null
  const proxies = new WeakMap<object, object>()
  const originals = new WeakMap<object, object>()

  const live = () => {
    if (end !== null) throw end.cause
  }

  const announce = (phase: Phase, effect: string) => {
    try {
      onEffect(phase, effect)
    } catch (cause) {
      if (phase === 'after' || !(cause instanceof HostError)) end = { cause }
      throw cause
    }
  }

  const outward = (value: unknown, opens: Opens | undefined): unknown => {
    if (opens === undefined || typeof value !== 'object' || value === null) return value
    if (opens === 'parent') {
      const { directory, ...rest } = value as { directory: Directory }
      return { ...rest, directory: wrap(directory, 'directory') }
    }
    return wrap(value, opens)
  }

  const inward = (value: unknown): unknown => {
    // The callback of a watch: a dead agent hears nothing any more.
    if (typeof value === 'function')
      return (...args: unknown[]) => (end === null ? Reflect.apply(value, null, args) : null)
    return typeof value === 'object' && value !== null ? (originals.get(value) ?? value) : value
  }

  const wrap = <T extends object>(original: T, part: Part): T => {
    const known = proxies.get(original)
    if (known !== undefined) return known as T
    const methods: Readonly<Record<string, Kind>> = seam[part]
    const handler: ProxyHandler<T> = {
      get: (_, key) => {
        const value: unknown = Reflect.get(original, key, original)
        if (typeof value !== 'function') return value
        if (key === 'close' || key === Symbol.dispose) return () => Reflect.apply(value, original, [])
        const kind = typeof key === 'string' && Object.hasOwn(methods, key) ? methods[key] : undefined
        if (kind === undefined) throw new Error(`${part}.${String(key)} is not a method of the seam`)
        const opens = handles[`${part}.${String(key)}`]
        return (...args: unknown[]) => {
          live()
          const effect = `${part}.${String(key)}`
          if (kind === 'effect') announce('before', effect)
          const result: unknown = Reflect.apply(value, original, args.map(inward))
          const done = (answer: unknown) => {
            if (kind === 'effect') announce('after', effect)
            return outward(answer, opens)
          }
          return result instanceof Promise ? result.then(done) : done(result)
        }
      },
    }
    // An empty stand-in, because a proxy may not answer differently for what is frozen.
    const proxy = new Proxy({} as T, handler)
    proxies.set(original, proxy)
    originals.set(proxy, original)
    return proxy
  }

  return {
    platform: host.platform,
    machine: wrap(host.machine, 'machine'),
    files: wrap(host.files, 'files'),
    processes: wrap(host.processes, 'processes'),
    firewall: wrap(host.firewall, 'firewall'),
  }
}

type Phase = 'before' | 'after'

/** Told of each effect as `part.method`, such as `directory.move`. May throw, or end the process. */
export type OnEffect = (phase: Phase, effect: string) => void

type Kind = 'effect' | 'read'

/** Every method of one part of the seam with its kind; `close` belongs to handles and is neither. */
type Classified<T> = {
  readonly [K in keyof T as K extends 'close' | symbol
    ? never
    : T[K] extends (...args: never) => unknown
      ? K
      : never]: Kind
}

type Part = 'machine' | 'files' | 'directory' | 'file' | 'processes' | 'process' | 'firewall'
type Opens = 'directory' | 'file' | 'process' | 'parent'

/** What every method of the seam is. A method that is new in host.ts must be named here first. */
export const seam = {
  machine: {
    bootId: 'read',
    bootTimeMs: 'read',
    nowMs: 'read',
    facts: 'read',
    privileged: 'read',
    protects: 'read',
    owningPackage: 'read',
  } satisfies Classified<Machine>,
  files: { openDirectory: 'read', openParent: 'read' } satisfies Classified<Files>,
  directory: {
    look: 'read',
    names: 'read',
    openFile: 'read',
    createFile: 'effect',
    createDirectory: 'effect',
    move: 'effect',
    remove: 'effect',
    sync: 'effect',
    freeBytes: 'read',
    exposed: 'read',
  } satisfies Classified<Directory>,
  file: {
    sizeBytes: 'read',
    links: 'read',
    metadata: 'read',
    setMetadata: 'effect',
    unlock: 'effect',
    lock: 'effect',
    read: 'read',
    write: 'effect',
    truncate: 'effect',
    ranges: 'read',
    sync: 'effect',
    flush: 'effect',
    users: 'read',
  } satisfies Classified<OpenFile>,
  processes: { pids: 'read', open: 'read' } satisfies Classified<Processes>,
  process: {
    facts: 'read',
    imageSha256: 'read',
    children: 'read',
    suspend: 'effect',
    resume: 'effect',
    kill: 'effect',
    gone: 'read',
  } satisfies Classified<ProcessHandle>,
  firewall: {
    unable: 'read',
    state: 'read',
    foundTable: 'read',
    isolate: 'effect',
    release: 'effect',
    endConnections: 'effect',
    connectionsElsewhere: 'read',
    holdOverRestart: 'effect',
    forgetOverRestart: 'effect',
    heldOverRestart: 'read',
    watch: 'read',
    probe: 'read',
  } satisfies Classified<Firewall>,
} as const satisfies Record<Part, Readonly<Record<string, Kind>>>

/** Methods that hand out handles, which are wrapped in turn. */
const handles: Readonly<Record<string, Opens>> = {
  'files.openDirectory': 'directory',
  'files.openParent': 'parent',
  'directory.openFile': 'file',
  'directory.createFile': 'file',
  'directory.createDirectory': 'directory',
  'processes.open': 'process',
}
