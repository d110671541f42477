import { createHash, hash, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, writeFileSync } from 'node:fs'
import type { Scratch } from '../agent/host/linux/scratch.ts'
import { type LinuxScene, linuxScene } from '../agent/vault/linux-scene.ts'
import type { FileRecord } from '../agent/vault/vault.ts'
import { type BenchRow, inTurn } from './row.ts'

const rounds = 7
/**
 * Large enough that opening and removing do not show; small enough that a virtual machine has the memory for its pages
 * at hand.
 */
const largeBytes = 64 * 1024 * 1024
const pieceBytes = 1024 * 1024
const smallFiles = 400
const smallBytes = 4096

/**
 * Taking files into the vault, on the real file system. The floor of the large ones is the speed at which this machine
 * hashes the same bytes in memory, since no quarantine by hash can be faster; the floor of the small ones is a bare
 * loop that makes them as durable: hash, rename, and a sync of the file, of the directory it came to and of the one it
 * left.
 */
export const vaultRows: readonly BenchRow[] = [
  large('quarantine-same-file-system', 0.75, ({ near }) => near, takes),
  large('quarantine-copy', 0.42, ({ far }) => far, takes),
  large('quarantine-and-seal', 0.25, ({ near }) => near, takesAndSeals),
  {
    name: 'quarantine-small-files',
    unit: 'files/s',
    better: 'more',
    goal: 0.6,
    measure: async (say) => {
      using scene = await linuxScene()
      const { near } = scene
      mkdirSync(near.bytes('bare'))
      return await inTurn(
        rounds,
        (round) => {
          const folder = makeSmallFiles(near, `floor-${round}`)
          return rateOf(() => takeBare(folder, near.bytes('bare').toString(), round))
        },
        async (round) => {
          makeSmallFiles(near, `value-${round}`)
          const records: FileRecord[] = []
          for (let file = 0; file < smallFiles; file++)
            records.push(await scene.record(near.path(`value-${round}`, String(file))))
          const rate = await rateOf(async () => {
            for (const record of records) await scene.vault.take(record)
          })
          for (const record of records) await scene.vault.release(record)
          return rate
        },
        say,
      )
    },
  },
]

type Take = (scene: LinuxScene, record: FileRecord) => Promise<unknown>

function takes({ vault }: LinuxScene, record: FileRecord): Promise<unknown> {
  return vault.take(record)
}

async function takesAndSeals({ vault }: LinuxScene, record: FileRecord): Promise<void> {
  await vault.take(record)
  await vault.seal()
}

function large(name: string, goal: number, placeOf: (scene: LinuxScene) => Scratch, take: Take): BenchRow {
  return {
    name,
    unit: 'MiB/s',
    better: 'more',
    goal,
    measure: async (say) => {
      using scene = await linuxScene()
      const place = placeOf(scene)
      const content = randomBytes(largeBytes)
      const speedOfTaking = async (round: number) => {
        const file = place.bytes(`large-${round}`)
        writeFileSync(file, content)
        syncFile(file.toString())
        const record = await scene.record(place.path(`large-${round}`))
        const speed = await speedOf(() => take(scene, record))
        await scene.vault.release(record)
        return speed
      }
      // Pages that the machine has to find first are not what is measured.
      await speedOfTaking(-1)
      return await inTurn(rounds, () => speedOf(() => hashInMemory(content)), speedOfTaking, say)
    },
  }
}

function hashInMemory(content: Uint8Array): void {
  const sum = createHash('sha256')
  for (let at = 0; at < content.length; at += pieceBytes) sum.update(content.subarray(at, at + pieceBytes))
  sum.digest()
}

/** Files that nothing has to be written out for any more, as most files on a disk are. */
function makeSmallFiles(place: Scratch, folder: string): string {
  mkdirSync(place.bytes(folder))
  for (let file = 0; file < smallFiles; file++) {
    const path = place.bytes(folder, String(file))
    writeFileSync(path, randomBytes(smallBytes))
    syncFile(path.toString())
  }
  return place.bytes(folder).toString()
}

function takeBare(from: string, to: string, round: number): void {
  const source = openSync(from, 'r')
  const target = openSync(to, 'r')
  const buffer = Buffer.alloc(smallBytes)
  for (let file = 0; file < smallFiles; file++) {
    const opened = openSync(`${from}/${file}`, 'r')
    readSync(opened, buffer)
    hash('sha256', buffer)
    renameSync(`${from}/${file}`, `${to}/${round}-${file}`)
    fsyncSync(opened)
    fsyncSync(target)
    fsyncSync(source)
    closeSync(opened)
  }
  closeSync(source)
  closeSync(target)
}

function syncFile(path: string): void {
  const opened = openSync(path, 'r')
  fsyncSync(opened)
  closeSync(opened)
}

const secondsOf = async (work: () => unknown): Promise<number> => {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1_000
}

const speedOf = async (work: () => unknown): Promise<number> => largeBytes / pieceBytes / (await secondsOf(work))
const rateOf = async (work: () => unknown): Promise<number> => smallFiles / (await secondsOf(work))
