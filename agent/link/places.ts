import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import * as z from 'zod'
import type { Endpoint } from '../../protocol/actions/isolate-device.ts'
import type { Bounds } from '../core/action.ts'
import { readIfThere, writeDurably } from './durable-file.ts'
import type { Identity } from './identity.ts'

/*
 * INVARIANTS
 * - Only an address at which the control plane has proven itself, by a handshake under our CA, is remembered: what a name server says alone shall never
 *   become a hole in an isolation (ISO1).
 * - Remembered addresses are on the disk, so that an isolated device finds its control plane after a restart without asking a name server.
 */

const file = z.strictObject({ v: z.literal(1), addresses: z.array(z.union([z.ipv4(), z.ipv6()])).max(8) })
const addressesKept = 8
const lookupMs = 3_000

/** Where the control plane is. */
export interface Places {
  /** The address for the `attempt`-th try since the last connection (0, 1, …): a proven one first, then what the name says now. */
  address(attempt: number): Promise<string>
  /** The control plane has proven itself at this address. */
  proven(address: string): void
  /** What an isolation spares, and what it must cut off. */
  bounds(): Bounds
}

/** An IPv4 address in IPv6 clothes, as sockets that speak both show it. */
const plain = (address: string) => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '').replace(/%.*$/, '')

export function openPlaces(folder: string, { gateway, canary }: Pick<Identity, 'gateway' | 'canary'>): Places {
  const path = join(folder, 'addresses.json')
  let addresses = readAddresses(path)
  const endpoints = (port: number, of: readonly string[]): Endpoint[] => of.map((address) => ({ address, port }))
  let canaries = isIP(canary.host) === 0 ? [] : [canary.host]
  if (canary.host === gateway.host) canaries = addresses

  return {
    async address(attempt) {
      if (isIP(gateway.host) !== 0) return gateway.host
      const known = addresses[Math.floor(attempt / 2) % Math.max(1, addresses.length)]
      if (known !== undefined && attempt % 2 === 0) return known
      const found = await resolve(gateway.host)
      return found[Math.floor(attempt / 2) % Math.max(1, found.length)] ?? known ?? gateway.host
    },
    proven(found) {
      const address = plain(found)
      if (isIP(address) !== 0 && addresses[0] !== address) {
        addresses = [address, ...addresses.filter((other) => other !== address)].slice(0, addressesKept)
        writeDurably(path, JSON.stringify({ v: 1, addresses }))
      }
      if (canary.host === gateway.host) canaries = addresses
      else if (isIP(canary.host) === 0)
        void resolve(canary.host).then((addressesOfCanary) => {
          if (addressesOfCanary.length > 0) canaries = addressesOfCanary.slice(0, addressesKept)
        })
    },
    bounds() {
      const fixed = isIP(gateway.host) === 0 ? [] : [gateway.host]
      return {
        controlPlane: endpoints(gateway.port, [...new Set([...fixed, ...addresses])]),
        canaries: endpoints(canary.port, canaries),
      }
    },
  }
}

/** The addresses of a name; none when nobody answers in time. A name server that an isolation cuts off must not hold the link up. */
async function resolve(name: string): Promise<string[]> {
  const timeout = new Promise<string[]>((done) => {
    setTimeout(() => done([]), lookupMs).unref()
  })
  const answer = lookup(name, { all: true }).then(
    (found) => found.map(({ address }) => address),
    () => [],
  )
  return Promise.race([answer, timeout])
}

function readAddresses(path: string): string[] {
  const text = readIfThere(path)
  if (text === null) return []
  try {
    return file.parse(JSON.parse(text)).addresses
  } catch {
    // A damaged list of places is found again by connecting.
    return []
  }
}
