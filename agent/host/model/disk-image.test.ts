import { expect, test } from 'vitest'
import { restoreDisk, saveDisk } from './disk-image.ts'
import { modelMachine } from './machine.ts'

test('[SIM1] a machine that is switched off and on again has the same disk: bytes, holes, names, numbers, metadata', () => {
  const machine = modelMachine({ platform: 'linux', seed: 1 })
  machine.writeFile('/home/ann/letter', 'dear ben', { mode: 0o640, owner: 1_000 })
  machine.change('/home/ann/letter', { xattrs: [{ name: Buffer.from('user.a'), value: Uint8Array.of(1, 2) }] })
  machine.writeFile('/home/ann/holes', 'head')
  machine.writeAt('/home/ann/holes', 'tail', 70_000)
  machine.truncate('/home/ann/holes', 90_000)
  const number = machine.writeFile('/tmp/empty', '')

  const other = modelMachine({ platform: 'linux', seed: 1 })
  other.processTable.clear()
  restoreDisk(other.disk, saveDisk(machine.disk))
  expect(other.snapshot().files).toEqual(machine.snapshot().files)
  expect(other.disk.fileSystems[0]?.usedBytes).toBe(machine.disk.fileSystems[0]?.usedBytes)
  const twin = other.disk.find(other.disk.path('/tmp/empty'))
  expect(String(twin?.object)).toBe(number.object)
  // A new object is nobody else's.
  const fresh = other.writeFile('/tmp/fresh', 'x')
  const numbers = [...(other.disk.fileSystems[0]?.inodes.keys() ?? [])].map(String)
  expect(numbers.filter((it) => it === fresh.object)).toHaveLength(1)
  expect(Object.keys(other.snapshot().files)).toHaveLength(Object.keys(machine.snapshot().files).length + 1)
})

test('[SIM1] what had no name any more is gone after the restart, and its number is free', () => {
  const machine = modelMachine({ platform: 'linux', seed: 1 })
  machine.writeFile('/opt/tool', 'tool')
  const pid = machine.spawnProcess({ image: '/opt/tool' })
  const held = machine.processTable.get(pid).image
  const folder = machine.disk.find(machine.disk.path('/opt'))
  if (folder === null || held === null) throw new Error('it is not there')
  machine.disk.drop(folder, Buffer.from('tool'))

  const other = modelMachine({ platform: 'linux', seed: 1 })
  other.processTable.clear()
  restoreDisk(other.disk, saveDisk(machine.disk))
  expect(other.disk.fileSystems[0]?.inodes.has(held.object)).toBe(false)
  expect(other.disk.fileSystems[0]?.freed).toContain(held.object)
})
