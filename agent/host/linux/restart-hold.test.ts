import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { renderIsolation } from './isolation-table.ts'
import { restartHold, UNIT, unfitForUnit } from './restart-hold.ts'
import type { Programs } from './run-program.ts'

const rules = { reachable: [{ address: '10.77.0.1', port: 8443 }] }
const others = { reachable: [{ address: '10.77.0.2', port: 8443 }] }

/** A machine with nft and no systemctl: the unit is written, nobody is told. */
const programs: Programs = {
  find: (name) => (name === 'nft' ? '/usr/sbin/nft' : null),
  need: (name) => `/usr/sbin/${name}`,
}

const namesBelow = (folder: string) => new Set(readdirSync(folder, { recursive: true, encoding: 'utf8' }))

let top = ''
const place = () => {
  const options = { stateFolder: join(top, 'state'), unitFolder: join(top, 'units'), systemdMark: join(top, 'units') }
  return { ...options, hold: restartHold(programs, options), wants: join(options.unitFolder, 'sysinit.target.wants') }
}

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'recourse-hold-'))
  mkdirSync(join(top, 'units'))
})
afterEach(() => rmSync(top, { recursive: true }))

test('[ISO3] the unit is ordered before the network and loads exactly these rules', async () => {
  const { hold, stateFolder, unitFolder } = place()
  await hold.hold(rules)
  expect(hold.held(rules)).toBe(true)
  expect(hold.held(others)).toBe(false)
  expect(readFileSync(join(stateFolder, 'isolation.nft'), 'utf8')).toBe(renderIsolation(rules))
  expect(statSync(join(stateFolder, 'isolation.nft')).mode & 0o777).toBe(0o600)
  const unit = readFileSync(join(unitFolder, UNIT), 'utf8').replaceAll(stateFolder, '/var/lib/recourse')
  await expect(unit).toMatchFileSnapshot('./golden/recourse-isolation.service')
})

test('[ISO3] holding again, for other rules, replaces; a cut in the middle is mended by holding again', async () => {
  const { hold, unitFolder, wants } = place()
  await hold.hold(rules)
  writeFileSync(join(unitFolder, `${UNIT}.new`), 'half a un')
  writeFileSync(join(wants, `${UNIT}.new`), '')
  await hold.hold(others)
  expect(hold.held(others)).toBe(true)
  expect(readdirSync(unitFolder).toSorted()).toEqual([UNIT, 'sysinit.target.wants'])
  expect(readdirSync(wants)).toEqual([UNIT])
})

test('[ISO4] forgetting removes what holding wrote and nothing else, however often', async () => {
  const { hold, stateFolder, unitFolder, wants } = place()
  mkdirSync(wants)
  writeFileSync(join(wants, 'other.service'), '')
  mkdirSync(stateFolder, { mode: 0o700 })
  writeFileSync(join(stateFolder, 'journal'), '')
  cpSync(top, `${top}-before`, { recursive: true })
  await hold.hold(rules)
  writeFileSync(join(stateFolder, 'isolation.nft.new'), 'left by a cut')
  await hold.forget()
  await hold.forget()
  expect(namesBelow(top)).toEqual(namesBelow(`${top}-before`))
  expect(hold.held(rules)).toBe(false)
  expect(existsSync(unitFolder)).toBe(true)
  rmSync(`${top}-before`, { recursive: true })
})

test.each([
  ['the rules', (it: ReturnType<typeof place>) => writeFileSync(join(it.stateFolder, 'isolation.nft'), '')],
  ['the unit', (it: ReturnType<typeof place>) => writeFileSync(join(it.unitFolder, UNIT), '[Unit]\n')],
  ['the link', (it: ReturnType<typeof place>) => rmSync(join(it.wants, UNIT))],
])('[ISO3] with %s altered it is not held', async (_, tamper) => {
  const it = place()
  await it.hold.hold(rules)
  tamper(it)
  expect(it.hold.held(rules)).toBe(false)
})

test('[ISO3] a systemd that cannot be told takes nothing from the hold', async () => {
  const { stateFolder, unitFolder } = place()
  const deaf: Programs = { ...programs, find: (name) => (name === 'systemctl' ? '/bin/false' : programs.find(name)) }
  const hold = restartHold(deaf, { stateFolder, unitFolder, systemdMark: unitFolder })
  await hold.hold(rules)
  expect(hold.held(rules)).toBe(true)
  await hold.forget()
  expect(hold.held(rules)).toBe(false)
})

test('[JRN6] without systemd the hold says so and writes nothing', async () => {
  const options = { stateFolder: join(top, 'state'), unitFolder: join(top, 'units'), systemdMark: join(top, 'none') }
  await expect(restartHold(programs, options).hold(rules)).rejects.toMatchObject({ code: 'tool_missing' })
  expect(readdirSync(top, { recursive: true })).toEqual(['units'])
})

test('[JRN6] a state folder that others may write in is refused', async () => {
  const { hold, stateFolder } = place()
  mkdirSync(stateFolder)
  // The umask takes bits away from a mode given at creation.
  chmodSync(stateFolder, 0o777)
  await expect(hold.hold(rules)).rejects.toMatchObject({ code: 'not_permitted' })
})

test('a folder whose name a unit would have to quote is refused, not quoted', () => {
  expect(unfitForUnit('/var/lib/recourse-agent')).toBeNull()
  for (const odd of ['/tmp/a b', '/tmp/%i', '/tmp/$HOME', '/tmp/"', '/tmp/a\nExecStart=/bin/sh', 'relative'])
    expect(unfitForUnit(odd)).toContain('would have to quote')
})
