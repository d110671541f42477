import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { leasePorts } from '../../simulator/network/ports.ts'
import { type SimulatedDevice, simulateDevice } from '../dashboard/fleet.ts'
import { until } from './device.ts'
import { begin, cookieOf, kill, type PlaneProcess, post } from './plane-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'recourse-collect-'))
let plane: PlaneProcess | null = null
let device: SimulatedDevice | null = null
afterAll(async () => {
  await device?.close()
  if (plane !== null) await kill(plane.child)
  rmSync(folder, { recursive: true, force: true })
})

interface Row {
  readonly id: string
  readonly status: string
}

test('[VLT7] a control plane that is killed again and again in the middle of a file gets it whole, once', async () => {
  const firstPort = await leasePorts(3)
  plane = await begin(folder, firstPort)
  const person = { name: 'root', password: 'correct horse battery' }
  const setUp = { secret: plane.setUpSecret, ...person, separationOfDuties: false }
  const first = cookieOf(await post(plane.url, '/v1/setup', '', setUp))
  const { url } = plane
  device = await simulateDevice(
    {
      gatewayPort: firstPort,
      enrolPort: firstPort + 1,
      enrolmentToken: async () => {
        const made = await post(url, '/v1/enrolment-tokens', first, { group: 'default', uses: 1, hours: 1 })
        const { token }: { token: string } = JSON.parse(await made.text())
        return token
      },
    },
    join(folder, 'device'),
    { name: 'laptop', seed: 5 },
  )
  const content = 'a very suspicious program\n'.repeat(1_000_000)
  const params = device.plant('/tmp/evil', content)
  const { id: deviceId } = device
  const data = () => new DatabaseSync(join(folder, 'recourse.db'), { readOnly: true })
  const rows = (action: string): Row[] => {
    const database = data()
    const found = database.prepare('select id, status from action where action = ?').all(action)
    database.close()
    return found.map((it) => ({ id: String(it['id']), status: String(it['status']) }))
  }
  const ask = async (path: string, body: object) => {
    const answer = await post(url, path, first, { comment: 'why', approve: true, ...body })
    if (!answer.ok) throw new Error(await answer.text())
  }
  await ask('/v1/actions', { action: 'quarantine-file', targets: [{ devices: [deviceId], params }] })
  await until(() => rows('quarantine-file')[0]?.status === 'succeeded')
  const [taken] = rows('quarantine-file')
  await ask('/v1/vault/collect', { items: [taken?.id] })

  const came = () => {
    try {
      return readFileSync(join(folder, 'collected', rows('collect-quarantined')[0]?.id ?? '')).length
    } catch {
      return 0
    }
  }
  const marks: number[] = []
  for (let life = 1; life <= 3; life++) {
    const before = marks.at(-1) ?? 0
    await until(() => came() > before + 2_000_000)
    await kill(plane.child)
    marks.push(came())
    expect(came()).toBeLessThan(content.length)
    expect(came()).toBeGreaterThan(before)
    plane = await begin(folder, firstPort)
  }
  await until(() => rows('collect-quarantined')[0]?.status === 'succeeded')
  const cookie = cookieOf(await post(plane.url, '/v1/sign-in', '', person))
  const [{ id }] = rows('collect-quarantined') as [Row]
  const copy = await fetch(`${plane.url}/v1/vault/collected/${id}/content`, { headers: { cookie } })
  expect(copy.headers.get('content-disposition')).toContain(`${params.sha256}.quarantined`)
  expect((await copy.text()) === content).toBe(true)
  const database = data()
  expect(database.prepare(`select count(*) as n from audit where kind = 'vault.collected'`).get()?.['n']).toBe(1)
  database.close()
})
