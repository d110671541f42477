import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, chmodSync, copyFileSync, existsSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sha256 } from '../../protocol/file-record.ts'
import type { ProcessRef } from '../../protocol/process-ref.ts'
import type { Bench } from '../core/action.ts'
import type { Host } from '../host/host.ts'
import { linuxHost } from '../host/linux/host.ts'
import { type Scratch, scratch } from '../host/linux/scratch.ts'
import { modelHost } from '../host/model/host.ts'
import { modelMachine } from '../host/model/machine.ts'
import { linux as kill } from './kill-process/linux.ts'
import { benchOn } from './process-scene-contract.ts'
import { linux as suspend } from './suspend-process/linux.ts'

/** Real processes on this machine, all of them started here: a program of our own, so that no hash can mean anybody else's. */
describe.skipIf(process.platform !== 'linux')('processes on Linux', () => {
  let ours: Scratch
  let program: string
  let host: Host
  let bench: Bench
  let families: ChildProcess[]

  beforeEach(() => {
    ours = scratch()
    program = `${ours.folder}/victim`
    copyFileSync('/usr/bin/sleep', program)
    appendFileSync(program, ours.folder)
    chmodSync(program, 0o755)
    const machine = modelMachine({ platform: 'linux', seed: 1 })
    host = linuxHost({ agentPaths: [], firewall: modelHost(machine).firewall })
    bench = { ...benchOn(machine, host), nowMs: () => Date.now() }
    families = []
  })

  afterEach(async () => {
    for (const family of families) {
      // The number of a group stays taken as long as anybody is in it.
      if (family.pid !== undefined && groupLives(family.pid)) process.kill(-family.pid, 'SIGKILL')
      if (family.exitCode === null && family.signalCode === null) await once(family, 'exit')
    }
    ours[Symbol.dispose]()
  })

  const groupLives = (group: number): boolean => {
    try {
      return process.kill(-group, 0)
    } catch {
      return false
    }
  }

  const start = async (script: string): Promise<number> => {
    const family = spawn('/bin/sh', ['-c', script, program], { stdio: 'ignore', detached: true })
    await once(family, 'spawn')
    families.push(family)
    if (family.pid === undefined) throw new Error('it has no number')
    return family.pid
  }

  const refTo = (pid: number): ProcessRef => {
    using handle = host.processes.open(pid)
    if (handle === null) throw new Error(`no process ${pid}`)
    const { startedAt, bootId } = handle.facts()
    return { pid, startedAt, bootId }
  }

  /** What still lives of a family and what it does, whatever has become of its parents. */
  const membersOf = (group: number): Map<number, string> => {
    const members = new Map<number, string>()
    for (const pid of host.processes.pids()) {
      if (!existsSync(`/proc/${pid}/stat`)) continue
      const stat = readStat(pid)
      if (stat === null || stat.group !== group || stat.state === 'Z' || stat.state === 'X') continue
      members.set(pid, stat.state)
    }
    return members
  }

  /** Three shells and four that have become our program; between fork and exec they look like shells. */
  const isNested = (root: number): boolean => {
    const members = [...membersOf(root).keys()]
    return members.length === 7 && members.filter((pid) => imageOf(pid) === program).length === 4
  }

  const imageOf = (pid: number): string | null => {
    try {
      return readlinkSync(`/proc/${pid}/exe`)
    } catch {
      return null
    }
  }

  const readStat = (pid: number): { state: string; group: number } | null => {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const [state = '', , group = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ')
      return { state, group: Number(group) }
    } catch {
      return null
    }
  }

  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await sleep(2)
  }

  const imageSha256 = () => sha256.parse(createHash('sha256').update(readFileSync(program)).digest('hex'))
  const busy = `for i in $(seq 120); do "$0" 600 & done; wait`
  const nested = `(("$0" 600 & "$0" 600 & wait) & "$0" 600 & wait) & "$0" 600 & wait`

  test('[PRC1] a tree that keeps forking is frozen and killed, to the last of it', async () => {
    const root = await start(busy)
    await until(() => membersOf(root).size > 5)
    const params = { target: { process: refTo(root) }, tree: true }
    expect(await kill.prepare(bench, params)).toMatchObject({ kind: 'ready' })
    const { summary } = await kill.apply(bench, params, null)
    expect(summary).toMatch(/^Killed \d+ processes/)
    expect([...membersOf(root)]).toEqual([])
    expect(await kill.verify(bench, params, null)).toMatchObject([{ holds: true }])
    expect((await kill.apply(bench, params, null)).summary).toBe('It had ended already.')
  })

  test('[PRC1] every process of an image ends, and only those', async () => {
    const root = await start(nested)
    await until(() => isNested(root))
    const params = { target: { imageSha256: imageSha256() }, tree: false }
    const prepared = await kill.prepare(bench, params)
    expect(prepared).toMatchObject({ kind: 'ready', touches: [program] })
    expect(prepared.kind === 'ready' && prepared.resources).toHaveLength(4)
    await kill.apply(bench, params, null)
    expect(await kill.verify(bench, params, null)).toMatchObject([{ holds: true }])
    expect(await kill.prepare(bench, params)).toMatchObject({ kind: 'refused', code: 'target_not_found' })
  })

  test('[VLT3] [PRC1] this very process, its ancestors, init and another start time are refused', async () => {
    const order = (ref: ProcessRef) => kill.prepare(bench, { target: { process: ref }, tree: false })
    for (const pid of [process.pid, process.ppid, 1])
      expect(await order(refTo(pid))).toMatchObject({ kind: 'refused', code: 'target_protected' })
    const root = await start(nested)
    const ref = refTo(root)
    expect(await order({ ...ref, startedAt: String(Number(ref.startedAt) - 1) })).toMatchObject({
      code: 'target_changed',
      detail: expect.stringContaining(`started at ${ref.startedAt}`),
    })
    expect(await order({ ...ref, bootId: '00000000-0000-0000-0000-000000000000' })).toMatchObject({
      code: 'target_changed',
      detail: expect.stringContaining(ref.bootId),
    })
  })

  test('[UND3] a tree stands, and afterwards runs again but for what stood before', async () => {
    const root = await start(nested)
    await until(() => isNested(root))
    using handle = host.processes.open(root)
    const [standing = 0] = handle?.children() ?? []
    process.kill(standing, 'SIGSTOP')
    await until(() => membersOf(root).get(standing) === 'T')
    const params = { target: { process: refTo(root) }, tree: true }
    const prepared = await suspend.prepare(bench, params)
    if (prepared.kind !== 'ready') throw new Error(prepared.kind)
    const record = prepared.inverse
    expect(record.processes).toHaveLength(6)
    expect(record.alreadySuspended).toMatchObject([{ pid: standing }])

    const { gaps } = await suspend.apply(bench, params, record)
    expect(gaps).toEqual([])
    expect(new Set(membersOf(root).values())).toEqual(new Set(['T']))
    expect((await suspend.verify(bench, params, record)).every(({ holds }) => holds)).toBe(true)
    expect(await suspend.compare(bench, record)).toEqual({ kind: 'as-left' })

    await suspend.revert(bench, record, 'as-found')
    expect((await suspend.verifyReverted(bench, record)).every(({ holds }) => holds)).toBe(true)
    await until(() => [...membersOf(root).values()].filter((state) => state === 'T').length === 1)
    expect(membersOf(root).get(standing)).toBe('T')
    expect(await suspend.compare(bench, record)).toMatchObject({ kind: 'as-found' })
  })

  test('[JRN1] of a tree that keeps forking, nothing is left standing that is in no record', async () => {
    const root = await start(busy)
    await until(() => membersOf(root).size > 5)
    const params = { target: { process: refTo(root) }, tree: true }
    const prepared = await suspend.prepare(bench, params)
    if (prepared.kind !== 'ready') throw new Error(prepared.kind)
    const recorded = new Set(prepared.inverse.processes.map(({ pid }) => pid))
    await suspend.apply(bench, params, prepared.inverse)
    expect(membersOf(root).get(root)).toBe('T')
    for (const [pid, state] of membersOf(root)) if (state === 'T') expect(recorded).toContain(pid)
    await suspend.revert(bench, prepared.inverse, 'as-found')
    await until(() => ![...membersOf(root).values()].includes('T'))
    expect(membersOf(root).get(root)).not.toBe('T')
  })
})
