import { once } from 'node:events'
import { createServer } from 'node:net'

/** The ports of a control plane: people and programs, devices, enrolment, and what an isolated device must not reach. */
export interface Ports {
  readonly web: number
  readonly gateway: number
  readonly enrol: number
  readonly canary: number
}

export const portNames = ['web', 'gateway', 'enrol', 'canary'] as const satisfies readonly (keyof Ports)[]

/** What `npm start` takes when it is free; the same as of `server/main.ts`. */
export const defaultPorts: Ports = { web: 7300, gateway: 7301, enrol: 7302, canary: 7303 }

export const portsFrom = (first: number): Ports => ({
  web: first,
  gateway: first + 1,
  enrol: first + 2,
  canary: first + 3,
})

export interface ChosenPorts {
  readonly ports: Ports
  readonly moved: readonly { readonly name: keyof Ports; readonly from: number; readonly to: number }[]
}

/**
 * The wanted ports where they are free, and for each that is taken the next free one behind all of them. What is free now may be taken a
 * moment later: whoever binds it says so then.
 */
export async function choosePorts(wanted: Ports, isFree = isPortFree): Promise<ChosenPorts> {
  const ports: { -readonly [Name in keyof Ports]: number } = { ...wanted }
  const moved: { name: keyof Ports; from: number; to: number }[] = []
  let next = Math.max(...portNames.map((name) => wanted[name])) + 1
  for (const name of portNames) {
    const from = wanted[name]
    if (await isFree(from)) continue
    while (next <= lastPort && !(await isFree(next))) next++
    if (next > lastPort) throw new Error('there is no free port left')
    ports[name] = next++
    moved.push({ name, from, to: ports[name] })
  }
  return { ports, moved }
}

const lastPort = 65_535

/** Whether a port of this machine's own address can be bound now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return true
  } catch {
    return false
  }
}
