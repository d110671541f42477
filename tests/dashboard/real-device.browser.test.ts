import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readIdentity } from '../../agent/link/identity.ts'
import {
  type AgentPlace,
  type AgentProcess,
  enrolAgent,
  startAgentProcess,
  statusOnceConnected,
} from '../../scripts/start/agent-process.ts'
import { layOutPlayground, type Playground } from '../../scripts/start/playground.ts'
import { type Asking, asking, type Row } from './asking.ts'
import { type Browser, openBrowser } from './browser.ts'
import type { SimulatedDevice } from './fleet.ts'
import { startWorld, until, type World } from './world.ts'

let world: World
let its: Asking
let agent: AgentProcess | null = null
let device = ''
let playground: Playground
let simulated: SimulatedDevice
let browser: Browser
let page: Page

beforeAll(async () => {
  world = await startWorld()
  its = asking(world)
  simulated = await world.device({ name: 'lin-model' })
  const data = join(world.folder, 'real')
  mkdirSync(data, { mode: 0o700 })
  playground = layOutPlayground(data)
  const place: AgentPlace = { state: join(data, 'agent'), policy: playground.policy, log: join(data, 'agent.log') }
  const token = await world.server.enrolmentToken({ group: 'default', uses: 1, lifeMs: 600_000 })
  await enrolAgent(place, `127.0.0.1:${world.server.enrolPort}`, token)
  device = readIdentity(place.state)?.deviceId ?? ''
  agent = startAgentProcess(place)
  const status = await statusOnceConnected(place, 60_000)
  if (status?.link !== 'connected') throw new Error(`the agent did not connect: ${JSON.stringify(status?.trouble)}`)
})
afterAll(async () => {
  await agent?.stop()
  await world.close()
})
beforeEach(async () => {
  browser = await openBrowser(world.url)
  page = browser.page
  await browser.as(world.admin)
})
afterEach(() => browser.close())

/** Everything of a file that must be the same again; times to the nanosecond. */
const whole = (path: string) => {
  const { mode, uid, gid, mtimeNs, size } = statSync(path, { bigint: true })
  return { bytes: readFileSync(path, 'hex'), mode, uid, gid, mtimeNs, size }
}
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
const flyout = () => page.getByRole('dialog').filter({ hasText: 'Timeline' })
const sheet = (name: string) => page.getByRole('dialog', { name })

/** Answers a sheet that asks for nothing but the reason, and waits until it is gone. */
const answer = async (name: string, why: string) => {
  await sheet(name).getByLabel('Why?').fill(why)
  await sheet(name).getByRole('button', { name }).click()
  await sheet(name).waitFor({ state: 'hidden' })
}
/** Approves, in the browser, all that pends; how many there must be. */
const approvePending = async (count: number) => {
  await page.goto('/actions/pending')
  await page
    .getByRole('status')
    .getByText(count === 1 ? '1 action' : `${count} actions`, { exact: true })
    .waitFor()
  await page.getByLabel('Select every row that is loaded').check()
  await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Approve' }).click()
  await answer(count === 1 ? 'Approve this action' : `Approve ${count} actions`, 'Agreed')
}
const taken = async (path: string): Promise<Row> => {
  const [row] = await its.ask('quarantine-file', [{ devices: [device], params: { path, sha256: sha256(path) } }])
  if (row === undefined) throw new Error('nothing was asked for')
  await its.ended([row])
  expect(existsSync(path)).toBe(false)
  return row
}

describe('a real device beside simulated ones', () => {
  test('[LIFE10] [UND3] asked, previewed, approved and taken back in the browser, its file is the same again, byte for byte', async () => {
    const { file } = playground
    const before = whole(file)
    await page.goto('/devices')
    await page.getByRole('grid').getByText('lin-model').waitFor()
    await page.getByRole('grid').getByText(hostname(), { exact: true }).first().click()
    await page.getByRole('button', { name: 'Respond' }).click()
    await page.getByRole('menuitem', { name: 'Quarantine file' }).click()
    const form = page.getByRole('dialog', { name: /^Quarantine file on/ })
    await form.getByLabel('Path').fill(file)
    await form.getByLabel('SHA-256').fill(sha256(file))
    await form.getByLabel('Why?').fill('It calls itself a photo')
    await form.getByRole('button', { name: 'Preview' }).click()
    await form.getByText('It would hurt nothing else that the device can see.').waitFor()
    // A preview touches nothing.
    expect(whole(file)).toEqual(before)
    await form.getByRole('button', { name: 'Ask to quarantine file' }).click()
    await flyout().getByText('Waiting for approval').waitFor()
    expect(existsSync(file)).toBe(true)
    await flyout().getByRole('button', { name: 'Approve' }).click()
    await answer('Approve this action', 'Seen and agreed')
    await flyout().getByText('In force', { exact: true }).waitFor()
    expect(existsSync(file)).toBe(false)

    await flyout().getByRole('button', { name: 'Release from quarantine', exact: true }).click()
    await answer('Undo this action', 'It was harmless')
    await flyout().getByText('Taken back by').waitFor()
    await flyout().getByRole('link', { name: 'Release from quarantine' }).click()
    await flyout().getByRole('button', { name: 'Approve' }).click()
    await answer('Approve this action', 'Agreed')
    await flyout().getByText('Succeeded', { exact: true }).first().waitFor()
    expect(whole(file)).toEqual(before)
  })

  test('outside its playground it refuses, and the browser says so before anything is asked', async () => {
    const outside = join(world.folder, 'outside')
    writeFileSync(outside, 'not for it')
    await page.goto(`/devices/${device}?respond=quarantine-file`)
    const form = page.getByRole('dialog', { name: /^Quarantine file on/ })
    await form.getByLabel('Path').fill(outside)
    await form.getByLabel('SHA-256').fill(sha256(outside))
    await form.getByRole('button', { name: 'Preview' }).click()
    await form.getByText('The device would refuse').waitFor()
    expect(readFileSync(outside, 'utf8')).toBe('not for it')
  })

  test('[UND6] the same bytes on real and simulated devices come back with one click and one approval', async () => {
    const here = join(playground.folder, 'dropper.bin')
    const bytes = 'the same bytes on both'
    writeFileSync(here, bytes, { mode: 0o640 })
    const before = whole(here)
    const row = await taken(here)
    const there = simulated.plant('/srv/elsewhere/dropper', bytes)
    await its.ended(await its.ask('quarantine-file', [{ devices: [simulated.id], params: there }]))
    await page.goto(`/actions/in-force?action=${row.id}`)
    await page.getByRole('button', { name: 'Apply release from quarantine to 1 more instance' }).click()
    await answer('Undo 2 actions', 'Signed by us after all')
    await page.getByText('2 actions asked to be taken back; somebody has to approve.').waitFor()
    await approvePending(2)
    await until(() => existsSync(here) && simulated.machine.exists(there.path))
    await its.ended([{ id: (await its.row(row.id)).undoneBy ?? '' }])
    expect(whole(here)).toEqual(before)
    expect(Buffer.from(simulated.machine.readFile(there.path)).toString()).toBe(bytes)
  })

  test('[UND2] somebody put another file there: nothing is touched until the browser says what to do with it', async () => {
    const path = join(playground.folder, 'contested')
    writeFileSync(path, 'the first', { mode: 0o600 })
    const row = await taken(path)
    writeFileSync(path, 'the second')
    await page.goto(`/actions/in-force?action=${row.id}`)
    await flyout().getByRole('button', { name: 'Release from quarantine', exact: true }).click()
    await answer('Undo this action', 'Back with it')
    const undo = { id: (await its.row(row.id)).undoneBy ?? '' }
    await approvePending(1)
    await its.ended([undo])
    expect(readFileSync(path, 'utf8')).toBe('the second')
    await page.goto(`/actions/history?action=${undo.id}`)
    await flyout().getByText('Somebody changed the place since. Nothing was touched.').waitFor()
    await flyout().getByRole('button', { name: 'Leave it as it is' }).click()
    await flyout().getByText('Left as it is.').waitFor()
    await page.reload()
    await flyout().getByRole('button', { name: 'Replace what is there' }).click()
    await until(async () => (await its.pending()).length === 1)
    await approvePending(1)
    // For a moment there is neither.
    await until(() => existsSync(path) && readFileSync(path, 'utf8') === 'the first')
    // What was there went into the vault first, under its own hash.
    const second = createHash('sha256').update('the second').digest('hex')
    await until(async () => JSON.stringify(await world.admin.call('GET', '/v1/vault')).includes(second))
  })
})
