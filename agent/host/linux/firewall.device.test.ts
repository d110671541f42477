import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ServedHere, serveHere, serveOnPeer } from '../../../tests/device/echo-servers.ts'
import { type LinuxDevice, startDevice } from '../../../tests/device/linux-device.ts'
import { type InsideDevice, startInside } from '../../../tests/device/start-inside.ts'
import { TABLE } from './isolation-table.ts'
import { UNIT } from './restart-hold.ts'

const PEER = { tcp: 7_777, udp: 53 }
/** For a probe: one that is refused is answered at once. */
const patienceMs = 60_000
/** Rules as an administrator may have them; without counters, so that they can be compared byte by byte. */
const foreignRules = `
table inet admin {
  set friends { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.7 } }
  chain input { type filter hook input priority 0; policy accept; ip saddr @friends accept; tcp dport 23 drop comment "no telnet"; }
  chain output { type filter hook output priority -400; policy accept; accept; }
}
table ip nat {
  chain post { type nat hook postrouting priority 100; policy accept; oifname "docker0" masquerade; }
}
`

let device: LinuxDevice
let here: ServedHere
let onPeer: Disposable
beforeAll(async () => {
  device = await startDevice({ name: 'firewall' })
  here = await serveHere()
  onPeer = await serveOnPeer(device, PEER)
  await device.run(['install', '-d', '-m', '700', '/var/lib/recourse-test'])
  await load(foreignRules)
})
afterAll(async () => {
  onPeer[Symbol.dispose]()
  await here[Symbol.asyncDispose]()
  await device.stop()
})

let inside: InsideDevice
beforeEach(async () => {
  inside = await startInside(device)
})
afterEach(async () => {
  await inside.ask('forgetOverRestart')
  await inside.ask('release', null)
  await inside.end()
})

const rules = () => ({
  reachable: [
    { address: device.server.v4, port: here.port },
    { address: device.server.v6, port: here.port },
  ],
})
const families = ['v4', 'v6'] as const

/** Somebody else loads a file of rules. */
const load = async (text: string) => {
  await device.put('/tmp/somebody.nft', text)
  await device.run(['nft', '-f', '/tmp/somebody.nft'])
}

/** All rules of the device but our table, as nft lists them. */
const foreign = async () => {
  const all = await device.run(['nft', 'list', 'ruleset'])
  return all.replace(new RegExp(`table inet ${TABLE} \\{\\n.*?\\n\\}\\n`, 's'), '')
}
const units = () => device.run(['find', '/etc/systemd/system', '/var/lib/recourse-test', '-printf', '%p %y %m %l\n'])

describe('the table', () => {
  test.each(families)('[ISO1] over %s the control plane is reached, and nothing else', async (family) => {
    const control = { address: device.server[family], port: here.port }
    const elsewhere = { address: device.peer.addresses[family], port: PEER.tcp }
    const dns = { address: device.peer.addresses[family], port: PEER.udp }
    await inside.ask('listen', 9_000)
    const from = (to: string, silentAfterMs: number) =>
      [
        process.execPath,
        '-e',
        `require('net').connect(9000, '${to}').on('error', (e) => console.log(e.code)).setTimeout(${silentAfterMs}, () => { console.log('silence'); process.exit() }).pipe(process.stdout)`,
      ] as const

    expect(await inside.ask('unable')).toBeNull()
    expect(await inside.ask('state', rules())).toBe('absent')
    expect(await inside.ask('probe', elsewhere, patienceMs)).toBe('connected')
    await expect.poll(() => inside.ask('ask', dns)).toBe('from the peer')
    expect((await device.peer.exec(from(device.peer.device[family], patienceMs))).stdout).toBe('inside')

    await inside.ask('isolate', rules())
    expect(await inside.ask('state', rules())).toBe('as-ordered')
    expect(await inside.ask('probe', control, patienceMs)).toBe('connected')
    expect(await inside.ask('probe', { ...control, port: 22 }, patienceMs)).toBe('unreachable')
    expect(await inside.ask('probe', elsewhere, patienceMs)).toBe('unreachable')
    // Told at once, not left waiting: also over IPv6.
    await inside.ask('open', 'x', elsewhere).catch((error: Error) => expect(error.message).toContain('ECONNREFUSED'))
    expect(await inside.ask('ask', dns)).not.toBe('from the peer')
    expect((await device.peer.exec(from(device.peer.device[family], 700))).stdout.trim()).toBe('silence')
    expect(await inside.ask('talkToItself', family === 'v4' ? '127.0.0.1' : '::1')).toBe('connected')
    expect(await inside.ask('talkToItself', device.addresses[family])).toBe('connected')

    await inside.ask('release', null)
    expect(await inside.ask('state', rules())).toBe('absent')
    expect(await inside.ask('probe', elsewhere, patienceMs)).toBe('connected')
  })

  test('[ISO1] neighbours are found anew while it is in force, over both families', async () => {
    await inside.ask('isolate', rules())
    await device.run(['ip', 'neigh', 'flush', 'all'])
    for (const end of rules().reachable) expect(await inside.ask('probe', end, patienceMs)).toBe('connected')
  })

  test('[ISO1] connections to elsewhere are ended, those to the control plane go on', async () => {
    for (const family of families) {
      await inside.ask('open', `control-${family}`, { address: device.server[family], port: here.port })
      await inside.ask('open', `peer-${family}`, { address: device.peer.addresses[family], port: PEER.tcp })
      expect(await inside.ask('echo', `peer-${family}`)).toBe('hello')
    }
    const listed = await inside.ask('connectionsElsewhere', rules())
    expect(listed).toHaveLength(2)
    expect(listed.join()).toContain(`${device.peer.addresses.v4}:${PEER.tcp}`)
    expect(listed.join()).toContain(`[${device.peer.addresses.v6}]:${PEER.tcp}`)
    await inside.ask('isolate', rules())
    // The connection stood before the table did; the first word is the server's to answer.
    for (const family of families) expect(await inside.ask('echo', `control-${family}`)).toBe('hello')
    expect(await inside.ask('endConnections', rules())).toBe(2)
    for (const family of families) {
      expect(await inside.ask('echo', `peer-${family}`)).toBe('ECONNABORTED')
      expect(await inside.ask('echo', `control-${family}`)).toBe('hello')
    }
    expect(await inside.ask('connectionsElsewhere', rules())).toEqual([])
  })

  test('[ISO1] a control plane that only speaks IPv6 is enough', async () => {
    const only = { reachable: [{ address: device.server.v6, port: here.port }] }
    await inside.ask('isolate', only)
    expect(await inside.ask('state', only)).toBe('as-ordered')
    expect(await inside.ask('state', rules())).toBe('altered')
    expect(await inside.ask('probe', { address: device.server.v6, port: here.port }, patienceMs)).toBe('connected')
    expect(await inside.ask('probe', { address: device.server.v4, port: here.port }, patienceMs)).toBe('unreachable')
  })

  test('[ISO1] [ISO4] foreign rules are byte-identical before, during and after', async () => {
    const before = await foreign()
    expect(before).toContain('no telnet')
    await inside.ask('isolate', rules())
    await inside.ask('holdOverRestart', rules())
    expect(await foreign()).toBe(before)
    await inside.ask('isolate', rules())
    await inside.ask('forgetOverRestart')
    await inside.ask('release', null)
    expect(await foreign()).toBe(before)
    expect(await device.run(['nft', 'list', 'ruleset'])).toBe(before)
  })

  const T = ['inet', TABLE]
  test.each([
    ['an added rule', ['add', 'rule', ...T, 'output', 'accept']],
    ['a rule put first', ['insert', 'rule', ...T, 'input', 'accept']],
    ['a policy', ['add', 'chain', ...T, 'output', '{ policy accept; }']],
    ['one more address', ['add', 'element', ...T, 'control4', '{ 192.0.2.1 . 443 }']],
    ['another chain', ['add', 'chain', ...T, 'more']],
    ['a missing chain', ['delete', 'chain', ...T, 'forward']],
    ['no rules', ['flush', 'table', ...T]],
    ['a table that sleeps', ['add', 'table', ...T, '{ flags dormant; }']],
  ] as const)('[ISO3] %s shows, and isolating again puts it right', async (_, tampering) => {
    await inside.ask('isolate', rules())
    await device.run(['nft', ...tampering])
    expect(await inside.ask('state', rules())).toBe('altered')
    await inside.ask('isolate', rules())
    expect(await inside.ask('state', rules())).toBe('as-ordered')
  })

  test('[TRU6] a table filled until it can hardly be listed is an altered one', async () => {
    await inside.ask('isolate', rules())
    const elements = Array.from({ length: 65_000 }, (_, n) => `10.9.${n >> 8}.${n & 255} . ${1 + (n % 60_000)}`)
    await load(`add element inet ${TABLE} control4 { ${elements.join(', ')} }\n`)
    expect(await inside.ask('state', rules())).toBe('altered')
    await inside.ask('isolate', rules())
    expect(await inside.ask('state', rules())).toBe('as-ordered')
  })

  test('[ISO1] rules with one bad line change nothing at all', async () => {
    await inside.ask('isolate', rules())
    const before = await device.run(['nft', 'list', 'ruleset'])
    await expect(inside.ask('release', `table inet ${TABLE} {\n  chain x { bogus }\n}\n`)).rejects.toMatchObject({
      code: 'tool_failed',
    })
    expect(await device.run(['nft', 'list', 'ruleset'])).toBe(before)
  })

  test('[ISO4] a table that had our name is given back as it was, whatever is in it', async () => {
    const theirs = `
table inet ${TABLE} {
  comment "not by Recourse"
  counter hits { packets 5 bytes 7 }
  map verdicts { type ipv4_addr : verdict; elements = { 192.0.2.9 : drop } }
  set some { type ipv4_addr; flags interval; auto-merge; elements = { 198.51.100.0/24, 203.0.113.1-203.0.113.7 } }
  chain other { counter name hits return; }
  chain x { type filter hook input priority 10; policy accept;
    meta skuid root tcp dport vmap { 22 : accept, 80 : drop } comment "odd } name"
    limit rate 5/second burst 7 packets log prefix "odd; {" accept
    ip saddr vmap @verdicts
    jump other
  }
}`
    await load(theirs)
    const before = await device.run(['nft', '-s', 'list', 'ruleset'])
    const found = await inside.ask('foundTable')
    expect(found).toContain('not by Recourse')
    await inside.ask('isolate', rules())
    expect(await inside.ask('state', rules())).toBe('as-ordered')
    await inside.ask('release', found)
    expect(await device.run(['nft', '-s', 'list', 'ruleset'])).toBe(before)
    await inside.ask('release', found)
    expect(await inside.ask('foundTable')).toBe(found)
  })
})

describe('over a restart of the machine', () => {
  test('[ISO3] it is in force before the network comes up, and holds without any agent', async () => {
    const before = await units()
    await inside.ask('isolate', rules())
    await inside.ask('holdOverRestart', rules())
    expect(await inside.ask('heldOverRestart', rules())).toBe(true)
    expect(await device.run(['systemctl', 'is-enabled', UNIT])).toBe('enabled\n')
    expect(await device.run(['systemctl', 'is-active', UNIT])).toBe('active\n')
    await inside.end()

    await device.reboot()
    const stamp = async (unit: string, property: string) =>
      Number(await device.run(['systemctl', 'show', unit, '-p', property, '--value']))
    const inForce = await stamp(UNIT, 'ExecMainExitTimestampMonotonic')
    expect(inForce).toBeGreaterThan(0)
    expect(inForce).toBeLessThan(await stamp('network-pre.target', 'ActiveEnterTimestampMonotonic'))
    expect(inForce).toBeLessThan(await stamp('device-network.service', 'ExecMainStartTimestampMonotonic'))

    inside = await startInside(device)
    expect(await inside.ask('state', rules())).toBe('as-ordered')
    for (const family of families) {
      expect(await inside.ask('probe', { address: device.server[family], port: here.port }, patienceMs)).toBe(
        'connected',
      )
      expect(await inside.ask('probe', { address: device.peer.addresses[family], port: PEER.tcp }, patienceMs)).toBe(
        'unreachable',
      )
    }
    await inside.ask('forgetOverRestart')
    await inside.ask('release', null)
    expect(await inside.ask('heldOverRestart', rules())).toBe(false)
    expect(await units()).toBe(before)
    expect(await device.exec(['systemctl', 'cat', UNIT])).toMatchObject({ status: 1 })

    await device.reboot()
    inside = await startInside(device)
    expect(await inside.ask('state', rules())).toBe('absent')
    for (const family of families)
      expect(await inside.ask('probe', { address: device.peer.addresses[family], port: PEER.tcp }, patienceMs)).toBe(
        'connected',
      )
  })

  test.each(['restart', 'reload'])(
    '[ISO3] %s of nftables.service, which flushes, brings it back by itself',
    async (verb) => {
      await device.run(['systemctl', 'start', 'nftables.service'])
      await inside.ask('isolate', rules())
      await inside.ask('holdOverRestart', rules())
      await device.run(['systemctl', verb, 'nftables.service'])
      // What systemd passes on it does right after.
      await expect.poll(() => inside.ask('state', rules())).toBe('as-ordered')
      expect(await device.run(['nft', 'list', 'tables'])).toContain('table inet filter')
    },
  )
})

test('[JRN6] an agent that is not root says so, and changes nothing', async () => {
  const asked = await device.run([
    'setpriv',
    '--reuid=65534',
    '--clear-groups',
    process.execPath,
    '--input-type=module',
    '-e',
    `const { linuxFirewall } = await import(${JSON.stringify(new URL('./firewall.ts', import.meta.url).href)})
const firewall = linuxFirewall({ stateFolder: '/tmp/nobody' })
const failed = await firewall.state({ reachable: [] }).catch((error) => error.code)
console.log(JSON.stringify([await firewall.unable(), failed]))`,
  ])
  expect(JSON.parse(asked)).toEqual([
    { code: 'not_permitted', detail: 'the agent does not run as root' },
    'not_permitted',
  ])
})
