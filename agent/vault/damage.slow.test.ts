import { describe, expect, test } from 'vitest'
import { defaultChunkBytes, headerBytes, tagBytes } from './sealed-format.ts'
import { vaultFolder, vaultScene } from './vault-scene.ts'

const chunk = defaultChunkBytes + tagBytes

/** Three chunks, the last one short. */
const content = Uint8Array.from({ length: 2 * defaultChunkBytes + 1_000 }, (_, at) => (at * 7) & 0xff)

const sealedScene = async () => {
  const scene = vaultScene()
  const { machine } = scene
  machine.writeFile('/home/u/evil', content)
  const vault = await scene.open()
  const taken = await scene.record('/home/u/evil')
  await vault.take(taken)
  await vault.seal()
  const blob = `${vaultFolder}/sealed/${taken.sha256}`
  return { ...scene, vault, taken, blob, bytes: Buffer.from(machine.readFile(blob)) }
}

const flipped = (at: number) => (bytes: Buffer) => {
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return bytes
}
const part = (bytes: Buffer, from: number, to = bytes.length) => bytes.subarray(from, to)
const end = headerBytes + 2 * chunk

const damages: Record<string, (bytes: Buffer) => Buffer> = {
  'its first byte is flipped': flipped(0),
  'the id of its key is flipped': flipped(9),
  'its hash is flipped': flipped(20),
  'its size is flipped': flipped(55),
  'the size of its chunks is flipped': flipped(57),
  'the size of its chunks is zero': (bytes) => bytes.fill(0, 56, 60),
  'its nonce prefix is flipped': flipped(61),
  'the last byte of its header is flipped': flipped(67),
  'a byte of the first chunk is flipped': flipped(headerBytes),
  'a byte of the last tag is flipped': (bytes) => flipped(bytes.length - 1)(bytes),
  'it is empty': () => Buffer.alloc(0),
  'its header is cut off': (bytes) => part(bytes, 0, headerBytes - 1),
  'only its header is left': (bytes) => part(bytes, 0, headerBytes),
  'its last byte is cut off': (bytes) => part(bytes, 0, bytes.length - 1),
  'its last chunk is cut off': (bytes) => part(bytes, 0, end),
  'its first chunk is cut out': (bytes) =>
    Buffer.concat([part(bytes, 0, headerBytes), part(bytes, headerBytes + chunk)]),
  'two chunks are exchanged': (bytes) =>
    Buffer.concat([
      part(bytes, 0, headerBytes),
      part(bytes, headerBytes + chunk, end),
      part(bytes, headerBytes, headerBytes + chunk),
      part(bytes, end),
    ]),
  'the first chunk stands twice': (bytes) => {
    bytes.copy(bytes, headerBytes + chunk, headerBytes, headerBytes + chunk)
    return bytes
  },
  'something is added': (bytes) => Buffer.concat([bytes, Buffer.from('more')]),
  'cut after the second chunk, with a size that fits': (bytes) => {
    bytes.writeBigUInt64BE(BigInt(2 * defaultChunkBytes), 48)
    return part(bytes, 0, end)
  },
}

describe('[UND4] a sealed item of which', () => {
  test.each(Object.entries(damages))('%s is called damaged, and nothing of it is put back', async (_, damage) => {
    const { machine, vault, taken, blob, bytes, names } = await sealedScene()
    machine.writeFile(blob, damage(bytes))
    expect(await vault.check(taken)).toMatchObject({ intact: false })
    await expect(vault.restore(taken, taken.path)).rejects.toMatchObject({ code: 'record_damaged' })
    expect(machine.exists('/home/u/evil')).toBe(false)
    expect(names('work')).toEqual([])
  })

  test('another item’s blob stands in its place is called damaged', async () => {
    const { machine, vault, taken, blob, record } = await sealedScene()
    machine.writeFile('/home/u/other', 'other')
    const other = await record('/home/u/other')
    await vault.take(other)
    await vault.seal()
    machine.writeFile(blob, machine.readFile(`${vaultFolder}/sealed/${other.sha256}`))
    expect(await vault.check(taken)).toMatchObject({ intact: false })
  })

  test('nothing was touched is intact, to the last byte', async () => {
    const { machine, vault, taken } = await sealedScene()
    expect(await vault.check(taken)).toMatchObject({ intact: true })
    await vault.restore(taken, taken.path)
    expect(Buffer.from(machine.readFile('/home/u/evil')).equals(content)).toBe(true)
  })
})

test('[UND4] a damaged blob is not what the last good copy is given up for: it is written anew, for all items', async () => {
  const { machine, vault, taken, blob, bytes, record } = await sealedScene()
  machine.writeFile(blob, flipped(headerBytes + 5)(bytes))
  machine.writeFile('/home/u/again', content)
  const again = await record('/home/u/again')
  await vault.take(again)
  expect(await vault.seal()).toEqual({ sealed: 1, left: [] })
  expect(await vault.check(again)).toMatchObject({ intact: true })
  expect(await vault.check(taken)).toMatchObject({ intact: true })
})

test('a blob that is gone is nothing held, and a blob that cannot be read is not called damaged', async () => {
  const { machine, vault, taken, blob } = await sealedScene()
  machine.remove(blob)
  expect(vault.holds(taken)).toBe('nothing')
  expect(await vault.check(taken)).toMatchObject({ intact: false })
  machine.mkdir(blob)
  await expect(vault.check(taken)).rejects.toMatchObject({ code: 'target_not_regular' })
})
