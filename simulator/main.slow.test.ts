import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { type OwnPlane, type Plane, startControlPlane } from './fleet/control-plane.ts'
import { type Pass, setUpPeople } from './fleet/operator.ts'

// A control plane in a process of its own, which the simulator knows by its address and two tokens alone.
let plane: Plane & { readonly own: OwnPlane }
let tokens: { readonly asking: string; readonly deciding: string }

beforeAll(async () => {
  plane = await startControlPlane()
  const { asking, deciding } = await setUpPeople(plane.url, plane.setUpUrl ?? '')
  const respond = [
    'respond:quarantine-file',
    'respond:kill-process',
    'respond:suspend-process',
    'respond:isolate-device',
  ]
  const approve = respond.map((it) => it.replace('respond', 'approve'))
  tokens = {
    asking: await tokenOf(asking, ['view', ...respond]),
    deciding: await tokenOf(deciding, ['view', 'audit-read', 'devices-manage', ...approve]),
  }
}, 120_000)
afterAll(() => plane.own.dispose())

async function tokenOf(pass: Pass, scopes: readonly string[]): Promise<string> {
  const own = typeof pass === 'function' ? await pass() : pass
  const answer = await fetch(`${plane.url}/v1/tokens`, {
    method: 'POST',
    headers: { ...own, 'content-type': 'application/json', 'recourse-client': 'test' },
    body: JSON.stringify({ name: 'load', scopes }),
  })
  return z.object({ token: z.string() }).parse(await answer.json()).token
}

function simulate(...flags: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts'), ...flags]
  const env = { ...process.env, RECOURSE_TOKEN: tokens.asking }
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, timeout: 240_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    )
  })
}

const report = z.object({
  ok: z.boolean(),
  devices: z.int(),
  processes: z.int(),
  plane: z.null(),
  fleet: z.object({ startedMs: z.number() }),
})

test('[SIM1] a control plane elsewhere is loaded by two processes, at a pace that is bounded, and judged by the same invariants', {
  timeout: 300_000,
}, async () => {
  const { enrolAt, gatewayAt } = plane
  const places = ['--enrol', `${enrolAt.host}:${enrolAt.port}`, '--gateway', `${gatewayAt?.host}:${gatewayAt?.port}`]
  const size = ['--devices', '12', '--processes', '2', '--ramp', '6', '--scenario', 'outbreak', '--json']
  const { code, stdout, stderr } = await simulate(
    '--server',
    plane.url,
    '--approve-token',
    tokens.deciding,
    ...places,
    ...size,
  )
  expect(code, stderr).toBe(0)
  const said = report.parse(JSON.parse(stdout))
  expect(said).toMatchObject({ ok: true, devices: 12, processes: 2 })
  // Twelve at six a second, the first at once.
  expect(said.fleet.startedMs).toBeGreaterThanOrEqual(1_500)
})

test('what cannot be done to a control plane of others is refused before anything is asked of it', async () => {
  const refused = await simulate('--server', plane.url, '--scenario', 'server-killed')
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('needs a control plane of its own')
  for (const fail of ['quarantine-file=2', 'reboot=0.5', 'quarantine-file', '']) {
    const unknown = await simulate('--fail', fail)
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('--fail')
  }
})
