import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { libc } from './libc.ts'
import { linuxMachine } from './machine.ts'

const machine = linuxMachine({ libc: libc(), agentPaths: [], vaultPaths: [] })

test('[PRC1] a start of the machine has a name, and its clock counts from there', () => {
  expect(machine.bootId()).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const uptime = () => Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]) * 1_000
  const before = uptime()
  const now = machine.bootTimeMs()
  // /proc/uptime is cut to hundredths of a second.
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(uptime() + 10)
  expect(machine.bootTimeMs()).toBeGreaterThanOrEqual(now)
})

test('its facts are those of the system', () => {
  const { osName, addresses, ...facts } = machine.facts()
  expect(facts).toMatchObject({ hostName: hostname(), architecture: process.arch })
  expect(osName).not.toMatch(/^$|["']/)
  for (const address of addresses) expect(address).not.toMatch(/^(?:127\.|::1$|fe80:)/)
  expect(machine.privileged()).toBe(process.geteuid?.() === 0)
})
