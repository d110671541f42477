import { isIPv4, isIPv6 } from 'node:net'
import type { Endpoint } from '../../../protocol/actions/isolate-device.ts'
import type { IsolationRules } from '../host.ts'

/**
 * The table that isolates a device (ISO1), as data and as the text that nft reads. Pure.
 *
 * INVARIANTS
 * - The whole text is one transaction: a reader of packets sees the table before or the table after, never a part.
 * - It names no table but its own, so foreign rules are neither read nor written. They cannot weaken it either: in nftables a
 *   packet passes only when every table lets it pass.
 * - Nothing in the text comes from outside except addresses and ports, and those are checked and written anew here.
 * - Everything let through besides the control plane and loopback is what an ordinary user cannot send: ICMPv6, and UDP from ports below 1024.
 *
 * Not covered, because the hooks of nftables do not see it: packet sockets (a DHCP client has one), other network namespaces with
 * an interface of their own, and guests bridged past the device. What the device itself forwards for containers is dropped.
 */
export const TABLE = 'recourse_isolation'

interface Chain {
  readonly hook: 'input' | 'output' | 'forward'
  /** Each rule with the reason why it is there. */
  readonly rules: readonly (readonly [rule: string, why: string])[]
}

/** Before every other table, also before connections are tracked and addresses rewritten. */
const PRIORITY = -300

const chains: readonly Chain[] = [
  {
    hook: 'input',
    rules: [
      ['iif "lo" accept', 'this device with itself'],
      // Judged by flags, not by connection tracking, so that connections which stood before the table did go on.
      [
        'ip saddr . tcp sport @control4 tcp flags & (syn | ack) != syn accept',
        'the control plane answers, never calls',
      ],
      ['ip6 saddr . tcp sport @control6 tcp flags & (syn | ack) != syn accept', 'the same over IPv6'],
      [
        'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } ip6 hoplimit 255 accept',
        'neighbour discovery, from this link only (RFC 4861)',
      ],
      ['icmpv6 type mld-listener-query accept', 'switches that snoop pass neighbour discovery on only to listeners'],
      ['icmpv6 type packet-too-big accept', 'without it large packets to the control plane get lost'],
      ['icmp type destination-unreachable icmp code frag-needed accept', 'the same over IPv4'],
      ['udp sport 67 udp dport 68 accept', 'DHCP: an address that is not renewed cuts the control plane off too'],
      ['udp sport 547 udp dport 546 accept', 'the same over IPv6'],
    ],
  },
  {
    hook: 'output',
    rules: [
      ['oif "lo" accept', 'this device with itself'],
      ['ip daddr . tcp dport @control4 accept', 'the control plane'],
      ['ip6 daddr . tcp dport @control6 accept', 'the same over IPv6'],
      [
        'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } ip6 hoplimit 255 accept',
        'neighbour discovery',
      ],
      ['icmpv6 type { mld-listener-report, mld2-listener-report, mld-listener-done } accept', 'saying so to switches'],
      ['udp sport 68 udp dport 67 accept', 'DHCP'],
      ['udp sport 546 udp dport 547 accept', 'the same over IPv6'],
      ['meta l4proto tcp reject with tcp reset', 'programs hear at once, instead of waiting; IPv6 ones only by this'],
      ['reject with icmpx type admin-prohibited', 'everything else hears it too'],
    ],
  },
  { hook: 'forward', rules: [] },
]

/** The transaction that puts the table in force, replacing one of its name. Throws for an endpoint that is no address and port. */
export const renderIsolation = ({ reachable }: IsolationRules): string => {
  const ends = pinnedEnds(reachable)
  return [
    ...replacing,
    `table inet ${TABLE} {`,
    '  comment "this device is isolated by Recourse"',
    ...set('control4', 'ipv4_addr', ends.v4),
    ...set('control6', 'ipv6_addr', ends.v6),
    ...chains.flatMap(({ hook, rules }) => [
      `  chain ${hook} {`,
      `    type filter hook ${hook} priority ${PRIORITY}; policy drop;`,
      ...rules.map(([rule, why]) => `    ${rule} # ${why}`),
      '  }',
    ]),
    '}',
    '',
  ].join('\n')
}

/** The transaction that takes the table away and puts back what was found under its name, as nft listed it. */
export const renderRelease = (foundTable: string | null): string => [...replacing, foundTable ?? '', ''].join('\n')

/** Creating it first makes the deletion succeed when there was none. */
const replacing = [`table inet ${TABLE}`, `delete table inet ${TABLE}`]

const set = (name: string, type: string, ends: readonly string[]) => [
  `  set ${name} {`,
  `    type ${type} . inet_service`,
  ...(ends.length > 0 ? [`    elements = { ${ends.join(', ')} }`] : []),
  '  }',
]

/** Each end once, in one spelling and one order, so that equal rules have equal texts. */
const pinnedEnds = (reachable: readonly Endpoint[]) => {
  const v4 = new Set<string>()
  const v6 = new Set<string>()
  for (const end of reachable) {
    const { family, address, port } = canonicalEnd(end)
    const ends = family === 4 ? v4 : v6
    ends.add(`${address} . ${port}`)
  }
  return { v4: [...v4].toSorted(), v6: [...v6].toSorted() }
}

/** One spelling of an end. An IPv4 address inside an IPv6 one (`::ffff:…`) travels as IPv4. Throws when it is no address and port. */
export const canonicalEnd = ({ address, port }: Endpoint): { family: 4 | 6; address: string; port: number } => {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`no port: ${port}`)
  if (isIPv4(address)) return { family: 4, address, port }
  if (!isIPv6(address) || address.includes('%')) throw new Error(`no address: ${address}`)
  const short = new URL(`tcp://[${address}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short)
  if (mapped === null) return { family: 6, address: short, port }
  const bytes = [mapped[1], mapped[2]].flatMap((half) => {
    const value = Number.parseInt(half ?? '', 16)
    return [value >> 8, value & 0xff]
  })
  return { family: 4, address: bytes.join('.'), port }
}
