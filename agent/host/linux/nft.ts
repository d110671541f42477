import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HostError } from '../host.ts'
import { mustNode } from './failures.ts'
import { TABLE } from './isolation-table.ts'
import { complaintOf, type Programs, type Ran, runProgram } from './run-program.ts'

/**
 * What the firewall asks of nft: list our table, load a transaction, and say how a text would be listed if it were loaded.
 *
 * Tables are compared as the text that nft lists without counters, and the text to compare with is made by the same nft and the same
 * kernel, in a network namespace that lives for a moment and has no interface. So no version's way of writing rules is built in
 * here, and nothing on disk says what is right. The text is used rather than JSON because nft 1.0.6 (2022) writes the flags of a
 * table as bytes of another string there, and a table that is `dormant` filters nothing.
 */
export interface Nft {
  /** The listing of our table, or null when there is none; a listing too long to be ours is cut. */
  list(): Promise<string | null>
  /** Effect. Loads a file of commands as one transaction: all of it or, with HostError, nothing. */
  load(transaction: string): Promise<void>
  /** How our table would be listed after `transaction`, or null when it would be gone. Touches no rule of this device. */
  listingAfter(transaction: string): Promise<string | null>
}

export const nftProgram = (programs: Programs, stateFolder: string): Nft => {
  // Apart, because one process loads for two agents only when two agents share a folder.
  const file = join(stateFolder, `firewall-${process.pid}.nft`)

  return {
    list: async () => listingOf(await runProgram(programs.need('nft'), LIST, LISTING_LIMITS)),

    load: async (transaction) => {
      const nft = programs.need('nft')
      writeTransaction(file, stateFolder, transaction)
      try {
        // From a file: standard input is a socket under Node, and nft opens /dev/stdin by name, which a socket refuses.
        const ran = await runProgram(nft, ['-f', file], LIMITS)
        if (ran.exitCode !== 0) throw failureOf(ran, 'nft did not take the rules')
      } finally {
        rmSync(file, { force: true })
      }
    },

    listingAfter: async (transaction) => {
      const nft = programs.need('nft')
      const nsenter = programs.need('nsenter')
      const trial = join(stateFolder, `firewall-${process.pid}-trial.nft`)
      writeTransaction(trial, stateFolder, transaction)
      const space = await emptyNetwork(programs)
      try {
        const inside = [`--net=/proc/${space.pid}/ns/net`, '--', nft]
        const ran = await runProgram(nsenter, [...inside, '-f', trial], LIMITS)
        if (ran.exitCode !== 0) throw failureOf(ran, 'nft or the kernel does not know these rules')
        return listingOf(await runProgram(nsenter, [...inside, ...LIST], LISTING_LIMITS))
      } finally {
        space.end()
        rmSync(trial, { force: true })
      }
    },
  }
}

/** Without counters (`-s`), names resolved by nobody (`-n`). */
const LIST = ['-s', '-n', 'list', 'table', 'inet', TABLE]
const LIMITS = { timeoutMs: 10_000 }
const LISTING_LIMITS = { timeoutMs: 10_000, maxOutputBytes: 2 * 1024 * 1024 }

const listingOf = (ran: Ran): string | null => {
  if (ran.exitCode === 0 || !ran.complete) return ran.stdout
  if (ran.stderr.includes('No such file or directory')) return null
  throw failureOf(ran, 'nft cannot list the table')
}

const failureOf = (ran: Ran, what: string) =>
  new HostError(
    ran.stderr.includes('Operation not permitted') ? 'not_permitted' : 'tool_failed',
    `${what}: ${complaintOf(ran)}`,
  )

/** Only root may read the rules, and nobody else may be able to exchange them between writing and loading. */
const writeTransaction = (file: string, folder: string, text: string) => {
  ensurePrivateFolder(folder)
  mustNode('write the firewall rules', () => {
    rmSync(file, { force: true })
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 })
  })
}

/** HostError not_permitted when somebody else owns the folder or may write in it. */
export const ensurePrivateFolder = (folder: string): void =>
  mustNode('use the state folder', () => {
    if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(folder, 0o700)
    const { uid, mode } = lstatSync(folder)
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0)
      throw new HostError('not_permitted', `others may write in ${folder}`)
  })

/**
 * A network namespace of its own, held by a program that copies its input: it answers once it is inside, and ends with its input,
 * so also when this process is killed.
 */
const emptyNetwork = async (programs: Programs): Promise<{ pid: number; end: () => void }> => {
  const holder = spawn(programs.need('unshare'), ['--net', '--', programs.need('cat')], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { LC_ALL: 'C' },
    cwd: '/',
  })
  const end = () => holder.kill('SIGKILL')
  holder.stdin.on('error', () => undefined)
  holder.stdin.write('.')
  const inside = once(holder.stdout, 'data').then(() => true)
  const outcome = new Promise<boolean>((resolve) => {
    holder.once('error', () => resolve(false))
    holder.once('exit', () => resolve(false))
    setTimeout(() => resolve(false), LIMITS.timeoutMs).unref()
  })
  if ((await Promise.race([inside, outcome])) && holder.pid !== undefined) return { pid: holder.pid, end }
  end()
  throw new HostError('not_permitted', 'this machine forbids a network namespace to try the rules in')
}
