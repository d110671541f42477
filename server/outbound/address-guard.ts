import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

/**
 * Who may be reached when people say where something goes: no one behind this server's walls, unless its operator allows that (a
 * server that fetches what it is told to is a way in). The address that was checked is the one that is connected to, so that a name
 * which points elsewhere a moment later gains nothing.
 */
export interface AddressGuard {
  /** Hosts that may be reached though they lie inside, also without TLS. */
  readonly allowed: ReadonlySet<string>
  /** The address to connect to, or the sentence why not. */
  resolve(host: string): Promise<{ readonly address: string; readonly family: 4 | 6 } | { readonly why: string }>
}

const walled = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  walled.addSubnet(network, bits, 'ipv4')
}
for (const [network, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  walled.addSubnet(network, bits, 'ipv6')
}

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** Whether an address lies behind the walls: private, local, link-local, documentation, multicast, or a tunnel to such. */
export function isWalled(address: string): boolean {
  const inside = mapped.exec(address)?.[1]
  if (inside !== undefined) return isWalled(inside)
  const family = isIP(address)
  if (family === 0) return true
  // The other spellings of a mapped address.
  if (family === 6 && /^(0*:)*:?ffff:/i.test(address)) return true
  return walled.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>
const byDns: Resolve = (host) => lookup(host, { all: true, verbatim: true })

/** `allowed` names hosts that may be reached though they lie inside, exactly as written in the address. */
export const newAddressGuard = (allowed: ReadonlySet<string>, resolve: Resolve = byDns): AddressGuard => ({
  allowed,
  resolve: async (named) => {
    const host = named.replace(/^\[(.*)\]$/, '$1').toLowerCase()
    const found = isIP(host) === 0 ? await resolve(host).catch(() => []) : [{ address: host, family: isIP(host) }]
    // One address inside among several is enough to refuse: which of them is taken is not for the name to decide.
    const inside = found.find(({ address }) => isWalled(address))
    if (inside !== undefined && !allowed.has(host)) {
      return { why: `${host} is an address inside; allow it by name where the server is started` }
    }
    const [first] = found
    if (first === undefined) return { why: `${host} has no address` }
    return { address: first.address, family: first.family === 6 ? 6 : 4 }
  },
})
