import type { SimulatedDevice } from './fleet.ts'
import { until, type World } from './world.ts'

interface Row {
  readonly id: string
  readonly status: string
  readonly effect: string
  readonly contentHash: string
}

export interface Scene {
  readonly devices: readonly SimulatedDevice[]
  readonly rows: { readonly [name: string]: string }
}

const names = [
  'lin-web-01',
  'lin-web-02',
  'lin-db-01',
  'lin-build-07',
  'ws-finance-14',
  'ws-design-03',
  'edge-riga-02',
  'lin-mail-01',
]
const groups = ['servers', 'servers', 'servers', 'build', 'office', 'office', 'branch', 'servers']

/** A small fleet in the middle of a working day: some things pend, some are in force, some failed, one was taken back. */
export async function playScene(world: World): Promise<Scene> {
  const devices: SimulatedDevice[] = []
  for (const [at, name] of names.entries()) devices.push(await world.device({ name, group: groups[at] ?? 'office' }))
  const { admin } = world
  const ask = async (
    action: string,
    targets: object[],
    comment: string,
    approve = true,
    until?: number,
  ): Promise<string[]> => {
    const body = { action, targets, comment, approve, ...(until === undefined ? {} : { until }) }
    const { actions } = await admin.call<{ actions: Row[] }>('POST', '/v1/actions', body)
    return actions.map((it) => it.id)
  }
  const ended = (ids: readonly string[]) =>
    until(async () => {
      for (const id of ids) {
        const { status } = await admin.call<Row>('GET', `/v1/actions/${id}`)
        if (['pending-approval', 'queued', 'delivered', 'running'].includes(status)) return false
      }
      return true
    })
  const device = (at: number): SimulatedDevice => {
    const found = devices[at]
    if (found === undefined) throw new Error(`there is no device ${at}`)
    return found
  }
  await admin.call('POST', '/v1/groups', {
    name: 'Servers',
    rule: [
      { property: 'name', operator: 'starts-with', value: 'lin-' },
      { property: 'platform', operator: 'equals', value: 'linux' },
    ],
    level: 'semi-core',
  })
  await admin.call('POST', '/v1/groups', {
    name: 'Workstations',
    rule: [{ property: 'name', operator: 'starts-with', value: 'ws-' }],
    level: 'full',
  })
  const rows: Record<string, string> = {}
  const keep = (name: string, ids: readonly string[]) => {
    rows[name] = ids[0] ?? ''
    return ids
  }

  const dropper = devices
    .slice(0, 4)
    .map((it) => ({ devices: [it.id], params: it.plant('/var/tmp/.cache/xmrig-6.21', 'miner') }))
  await ended(
    keep('quarantined', await ask('quarantine-file', dropper, 'Coin miner, same hash on four hosts. Case 2211.')),
  )
  const office = device(4).plant('/home/mira/Downloads/invoice-2026-11.pdf.exe', 'lure')
  await ended(
    keep(
      'lure',
      await ask('quarantine-file', [{ devices: [device(4).id], params: office }], 'Reported by mira as phishing'),
    ),
  )
  const missing = { path: '/opt/old/agent-helper', sha256: 'a'.repeat(64) }
  await ended(
    await ask('quarantine-file', [{ devices: [device(5).id], params: missing }], 'Flagged by the nightly scan'),
  )
  await ended(
    keep(
      'isolated',
      await ask(
        'isolate-device',
        [{ devices: [device(6).id], params: {} }],
        'Beacon to 203.0.113.66 every 60 s',
        true,
        Date.now() + 7_200_000,
      ),
    ),
  )
  const { actions } = await admin.call<{ actions: Row[] }>('POST', '/v1/actions/undo', {
    actions: [rows.lure],
    comment: 'False alarm: the sender is known, the file is a signed viewer',
    approve: true,
  })
  await ended(
    keep(
      'undo',
      actions.map((it) => it.id),
    ),
  )
  const script = device(5).plant('/tmp/.update/dropper.sh', 'curl | sh')
  const shell = device(3).plant('/usr/bin/sshd-helper', 'back door')
  const alert = (
    key: string,
    severity: string,
    title: string,
    device: string,
    verdict: string,
    item: object,
    reasons: string[],
  ) =>
    admin.call<{ investigation: string | null }>('POST', '/v1/alerts', {
      source: 'wazuh',
      key,
      title,
      severity,
      device,
      at: Date.now(),
      evidence: [{ item, verdict, reasons }],
    })
  await alert(
    'a-1',
    'high',
    'Dropper in a temporary folder',
    'ws-design-03',
    'malicious',
    { kind: 'file', ...script },
    ['YARA rule SH_Dropper_7 matched.'],
  )
  const asked = await alert(
    'a-2',
    'high',
    'Unknown program beside sshd',
    'lin-build-07',
    'malicious',
    { kind: 'file', ...shell },
    ['Not of any package, listens on 0.0.0.0:2222.'],
  )
  rows.investigation = asked.investigation ?? ''
  await alert(
    'a-3',
    'medium',
    'Beacon to a known address',
    'printer-9',
    'suspicious',
    { kind: 'address', address: '203.0.113.66' },
    ['Seen on three other hosts.'],
  )

  const helper = device(7).machine.spawnProcess({ image: plantProgram(device(7), '/usr/local/bin/relay-helper') })
  const found = device(7).machine.processTable.find(helper)
  const process = {
    pid: helper,
    startedAt: String(found?.startedAt ?? 0),
    bootId: device(7).machine.bootId,
  }
  keep(
    'kill',
    await ask(
      'kill-process',
      [{ devices: [device(7).id], params: { target: { process }, tree: true } }],
      'Opens a reverse shell',
      false,
    ),
  )
  const pend = devices
    .slice(0, 3)
    .map((it) => ({ devices: [it.id], params: it.plant('/usr/local/share/.x/kworker-upd', 'loader') }))
  keep('pending', await ask('quarantine-file', pend, 'Loader found by hunting, hash seen in case 2211', false))
  keep(
    'pendingIsolate',
    await ask(
      'isolate-device',
      [{ devices: [device(5).id], params: {} }],
      'Talks to the same address as edge-riga-02',
      false,
    ),
  )
  return { devices, rows }
}

function plantProgram(device: SimulatedDevice, path: string): string {
  device.machine.writeFile(path, 'a program')
  return path
}
