import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Addresses, firstLine, type LinuxDevice, startDevice, sweepDevices } from './linux-device.ts'

const node = process.execPath
const fetchGreeting = (host: string, port: number) =>
  [node, '-e', `require('net').connect(${port}, '${host}').pipe(process.stdout)`] as const
const serveGreeting = [
  node,
  '-e',
  `require('net').createServer((s) => s.end('hello')).listen(4000, '::', () => console.log('listening'))`,
] as const
const families = ['v4', 'v6'] as const satisfies (keyof Addresses)[]

const leftovers = (name: string): string[] => [
  ...(existsSync(`/run/recourse-devices/${name}`) ? ['state'] : []),
  ...readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/${name}/`)),
  ...execFileSync('find', ['/sys/fs/cgroup', '-name', `recourse-device-${name}`], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean),
]
/** Other devices of this machine have namespaces of their own. */
const namespacesOf = (number: string): string[] =>
  readdirSync('/run/netns').filter((it) => [`rd-${number}`, `rp-${number}`].includes(it))

describe('a disposable Linux device', () => {
  let device: LinuxDevice
  beforeAll(async () => {
    device = await startDevice({ name: 'self-test' })
  })
  afterAll(() => device.stop())

  test('boots its own systemd until everything runs', async () => {
    expect(await device.run(['systemctl', 'is-system-running'])).toBe('running\n')
    expect(await device.run(['cat', '/proc/1/comm'])).toBe('systemd\n')
    expect(await device.run(['hostname'])).toBe(`${device.name}\n`)
  })

  test('sees the project and its packages, so that it can run what is built here', async () => {
    const project = new URL('../..', import.meta.url).pathname
    expect(await device.run(['cat', `${project}package.json`])).toBe(readFileSync(`${project}package.json`, 'utf8'))
    expect(await device.run([node, '--version'])).toBe(`${process.version}\n`)
  })

  test('says how a program ended, and what it printed where', async () => {
    expect(await device.exec(['bash', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      status: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect((await device.exec(['sleep', '60'], { timeoutMs: 300 })).status).toBeNull()
  })

  test('a program that is started inside dies with its child process outside', async () => {
    const child = device.spawn(['bash', '-c', 'echo $$; exec sleep 1000'])
    const pid = await firstLine(child)
    expect((await device.exec(['readlink', `/proc/${pid}/exe`])).status).toBe(0)
    child.kill()
    await once(child, 'close')
    // A dead process that nobody has reaped yet still has a number, but no program.
    await expect.poll(async () => (await device.exec(['readlink', `/proc/${pid}/exe`])).status).toBe(1)
  })

  test.each(families)('reaches a server on this host over %s', async (family) => {
    const server = createServer((socket) => socket.end('welcome')).listen(0, device.server[family])
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    expect(await device.run(fetchGreeting(device.server[family], address.port))).toBe('welcome')
    server.close()
  })

  test('is reached by this host, and by its peer, over both families', async () => {
    const service = device.spawn(serveGreeting)
    await firstLine(service)
    for (const family of families) {
      expect(execFileSync(node, fetchGreeting(device.addresses[family], 4000).slice(1), { encoding: 'utf8' })).toBe(
        'hello',
      )
      expect((await device.peer.exec(fetchGreeting(device.peer.device[family], 4000))).stdout).toBe('hello')
    }
    service.kill()
  })

  test('reaches its peer over both families, and this host does not', async () => {
    const service = device.peer.spawn(serveGreeting)
    await firstLine(service)
    for (const family of families) {
      expect(await device.run(fetchGreeting(device.peer.addresses[family], 4000))).toBe('hello')
    }
    const own = Object.values(networkInterfaces()).flatMap((it) => it ?? [])
    expect(own.map((it) => it.address)).toContain(device.server.v4)
    expect(own.map((it) => it.address)).not.toContain(device.peer.addresses.v4)
    service.kill()
  })

  test('starts and stops a service, which is found again after a power cut only when it was enabled', async () => {
    const unit = (name: string) =>
      `[Service]\nExecStart=/bin/sleep 10000\n[Install]\nWantedBy=multi-user.target\n# ${name}\n`
    await device.put('/etc/systemd/system/kept.service', unit('kept'))
    await device.put('/etc/systemd/system/lost.service', unit('lost'))
    await device.run(['systemctl', 'daemon-reload'])
    await device.run(['systemctl', 'enable', '--now', 'kept.service'])
    await device.run(['systemctl', 'start', 'lost.service'])
    expect(await device.run(['systemctl', 'is-active', 'kept', 'lost'])).toBe('active\nactive\n')
    await device.run(['systemctl', 'stop', 'lost'])
    expect((await device.exec(['systemctl', 'is-active', 'lost'])).stdout).toBe('inactive\n')
    await device.run(['systemctl', 'start', 'lost'])
    await device.reboot()
    expect((await device.exec(['systemctl', 'is-active', 'kept', 'lost'])).stdout).toBe('active\ninactive\n')
  })

  test('keeps its disk over a power cut: bytes, attributes and flags; memory, firewall and processes are gone', async () => {
    await device.put('/var/lib/kept', 'on disk', '640')
    await device.run(['setfattr', '-n', 'user.note', '-v', 'kept', '/var/lib/kept'])
    await device.run(['chattr', '+i', '/var/lib/kept'])
    await device.put('/run/lost', 'in memory')
    await device.run(['nft', 'add', 'table', 'inet', 'lost'])
    const machineId = await device.run(['cat', '/etc/machine-id'])
    const sleeper = device.spawn(['sleep', '31536000'])
    const slept = once(sleeper, 'close')
    await device.reboot()
    await slept
    expect(await device.run(['cat', '/var/lib/kept'])).toBe('on disk')
    expect(await device.run(['getfattr', '--only-values', '-n', 'user.note', '/var/lib/kept'])).toBe('kept')
    expect(await device.run(['lsattr', '/var/lib/kept'])).toMatch(/^-+i/)
    expect(await device.run(['cat', '/etc/machine-id'])).toBe(machineId)
    expect((await device.exec(['cat', '/run/lost'])).status).toBe(1)
    expect(await device.run(['nft', 'list', 'tables'])).toBe('')
    expect(await device.run(['ps', '-A', '-o', 'args='])).not.toContain('sleep 31536000')
    expect(await device.run(['systemctl', 'is-system-running'])).toBe('running\n')
  })

  test('changes nothing of this host: files, firewall, kernel settings, processes', async () => {
    const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })
    await device.put('/etc/only-in-the-device', 'x')
    await device.run(['nft', 'add', 'table', 'inet', 'only_in_the_device'])
    expect(existsSync('/etc/only-in-the-device')).toBe(false)
    expect(execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })).toBe(tables)
    expect((await device.exec(['bash', '-c', 'echo 4000 >/proc/sys/kernel/pid_max'])).status).not.toBe(0)
    expect((await device.exec(['kill', '-0', String(process.pid)])).status).not.toBe(0)
  })
})

test('nothing is left behind after stop, not even by a device with an immutable file and running programs', async () => {
  const device = await startDevice({ name: 'leaves-nothing' })
  await device.put('/var/lib/stubborn', 'x')
  await device.run(['chattr', '+i', '/var/lib/stubborn'])
  const number = readFileSync(`/run/recourse-devices/${device.name}/cable`, 'utf8').trim()
  expect(namespacesOf(number)).toHaveLength(2)
  const programs = [device.spawn(['sleep', '10000']), device.peer.spawn(['sleep', '10000'])]
  expect(leftovers(device.name)).not.toEqual([])
  const ended = programs.map((it) => once(it, 'close'))
  await device.stop()
  await Promise.all(ended)
  expect(leftovers(device.name)).toEqual([])
  expect(namespacesOf(number)).toEqual([])
})

test('two devices run side by side on networks of their own', async () => {
  await using one = await startDevice({ name: 'side-by-side' })
  await using two = await startDevice({ name: 'side-by-side' })
  expect(one.addresses).not.toEqual(two.addresses)
  expect((await one.exec(['ip', 'route', 'get', two.addresses.v4])).status).not.toBe(0)
})

test('a device whose owner was killed is swept away', async () => {
  const driver = new URL('./linux-device.ts', import.meta.url).href
  const code = `const { startDevice } = await import('${driver}'); console.log((await startDevice({ name: 'orphan' })).name); setInterval(() => {}, 1000)`
  const owner = spawn(node, ['--input-type=module', '-e', code])
  const name = await firstLine(owner)
  await sweepDevices()
  expect(leftovers(name)).not.toEqual([])
  owner.kill('SIGKILL')
  await once(owner, 'close')
  await sweepDevices()
  expect(leftovers(name)).toEqual([])
})
