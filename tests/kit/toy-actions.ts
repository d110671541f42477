import { type Implementation, type Registry, type Reversible, unsupported } from '../../agent/core/action.ts'
import { HostError } from '../../agent/host/host.ts'
import type { FileRecord } from '../../agent/vault/vault.ts'
import { actionNames } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { filePath } from '../../protocol/file-path.ts'
import type { ProcessRef } from '../../protocol/process-ref.ts'
import { hashOf, type Toy } from './toy-machine.ts'

/** One effect: told before and after. */
function change(toy: Toy, name: string, work: () => void): void {
  toy.onEffect('before', name)
  work()
  toy.done.push(name)
  toy.onEffect('after', name)
}

/** Moves a text from one map to another, when it is still there. */
function move(
  toy: Toy,
  name: string,
  from: Map<string, string>,
  source: string,
  to: Map<string, string>,
  target: string,
) {
  const content = from.get(source)
  if (content === undefined) return
  if (to.has(target)) throw new HostError('place_taken', `${target} is taken`)
  change(toy, name, () => {
    to.set(target, content)
    from.delete(source)
  })
}

const besideOf = (path: string) => `${path}.released`

function quarantine(toy: Toy): Reversible<'quarantine-file'> {
  const look = (found: string, holds: boolean, at: number) => [{ subject: 'file', found, holds, at }]
  const describe = (path: string, content: string, item: string): FileRecord => ({
    v: 1,
    path: filePath.parse(path),
    directory: { device: '1', object: '1' },
    file: { device: '1', object: '2' },
    sha256: hashOf(content),
    sizeBytes: content.length,
    metadata: {
      platform: 'linux',
      mode: 0o644,
      uid: 0,
      gid: 0,
      atimeNs: '0',
      mtimeNs: '0',
      xattrs: [],
      flags: null,
    },
    ranges: null,
    links: 1,
    item,
  })
  const takenOf = (path: string) =>
    toy.files.has(path)
      ? ({
          kind: 'drifted',
          code: 'place_taken',
          detail: `${path} is there again`,
          drift: [{ what: path, expected: 'nothing', found: `a file that contains ${toy.files.get(path)}` }],
          choices: ['leave', 'beside', 'replace'],
        } as const)
      : null
  return {
    async prepare(bench, { path, sha256: pinned }) {
      await toy.pause(`prepare ${path}`)
      const content = toy.files.get(path)
      if (content === undefined) return { kind: 'refused', code: 'target_not_found', detail: `no ${path}` }
      if (hashOf(content) !== pinned) return { kind: 'refused', code: 'target_changed', detail: `${path} has changed` }
      return {
        kind: 'ready',
        inverse: describe(path, content, bench.actionId),
        resources: [`file:${path}`],
        touches: [filePath.parse(path)],
        impact: { would: [`take ${path}`], hurts: [], gaps: [] },
      }
    },
    async apply(bench, _, record) {
      await toy.pause(`apply ${record.path}`)
      if (toy.box.has(record.item)) return { summary: `Took ${record.path}`, gaps: [] }
      const content = toy.files.get(record.path)
      if (content === undefined) throw new RecourseError('target_not_found', `no ${record.path}`)
      if (hashOf(content) !== record.sha256) throw new RecourseError('target_changed', `${record.path} has changed`)
      move(toy, `take ${record.path}`, toy.files, record.path, toy.box, record.item)
      change(toy, `lock ${bench.actionId}`, () => {})
      return { summary: `Took ${record.path}`, gaps: [] }
    },
    verify: async (bench, _, { item }) => look('in the box', toy.box.has(item), bench.nowMs()),
    async compare(_, { path, item }) {
      if (!toy.box.has(item)) return { kind: 'as-found', found: `${path} is not in the box` }
      return takenOf(path) ?? { kind: 'as-left' }
    },
    async revert(bench, record, way) {
      await toy.pause(`revert ${record.path}`)
      const target = way === 'beside' ? besideOf(record.path) : record.path
      if (!toy.box.has(record.item)) return { summary: `Put ${target} back`, gaps: [] }
      if (way === 'replace' && (toy.files.has(target) || toy.box.has(bench.actionId))) {
        const displaced = bench.displace(() => describe(target, toy.files.get(target) ?? '', bench.actionId))
        if (!toy.box.has(displaced.item)) move(toy, `displace ${target}`, toy.files, target, toy.box, displaced.item)
      }
      if (toy.files.has(target)) throw new RecourseError('place_taken', `${target} is there again`)
      move(toy, `restore ${target}`, toy.box, record.item, toy.files, target)
      return { summary: `Put ${target} back`, gaps: [] }
    },
    verifyReverted: async (bench, { item }) => look('out of the box', !toy.box.has(item), bench.nowMs()),
    putsBack: ({ path, sizeBytes }) => [`put ${path} back: ${sizeBytes} bytes`],
    async release(_, { item }) {
      toy.done.push(`release ${item}`)
    },
  }
}

/** Empties the box of one quarantine. */
function purge(toy: Toy): Implementation<'purge-quarantine'> {
  return {
    async prepare(bench, { quarantine: id, sha256 }) {
      const found = bench.quarantined(id)
      if ('gone' in found) return { kind: 'refused', code: 'target_not_found', detail: found.gone }
      if (found.record.sha256 !== sha256) return { kind: 'refused', code: 'target_changed', detail: 'another file' }
      return {
        kind: 'ready',
        inverse: null,
        resources: [`file:${found.record.path}`],
        touches: [found.record.path],
        impact: { would: [`destroy ${found.record.path}`], hurts: [], gaps: [] },
      }
    },
    async apply(_, { quarantine: id, path }) {
      if (toy.box.has(id)) change(toy, `purge ${path}`, () => toy.box.delete(id))
      change(toy, `sweep after ${path}`, () => {})
      return { summary: `Destroyed ${path}`, gaps: [] }
    },
    verify: async (bench, { quarantine: id }) => [
      { subject: 'vault', found: 'looked into the box', holds: !toy.box.has(id), at: bench.nowMs() },
    ],
    purges: ({ quarantine: id }) => [id],
  }
}

const pidsOf = (target: { process: ProcessRef } | { imageSha256: string }, tree: boolean): number[] => {
  if (!('process' in target)) throw new RecourseError('target_not_found', 'a toy process has no image')
  return tree ? [target.process.pid, target.process.pid + 1] : [target.process.pid]
}

function suspend(toy: Toy): Reversible<'suspend-process'> {
  const refOf = (pid: number): ProcessRef => ({ pid, startedAt: '1', bootId: 'b0' })
  const look = (pids: readonly number[], state: string, at: number) =>
    pids.map((pid) => ({
      subject: 'process',
      found: `${pid} ${toy.processes.get(pid)}`,
      holds: toy.processes.get(pid) === state,
      at,
    }))
  const setAll = (name: string, pids: readonly number[], state: 'running' | 'suspended') => {
    for (const pid of pids) {
      if (!toy.processes.has(pid)) throw new HostError('process_gone', `${pid} has ended`)
      if (toy.processes.get(pid) !== state) change(toy, `${name} ${pid}`, () => toy.processes.set(pid, state))
    }
  }
  return {
    async prepare(_, { target, tree }) {
      const pids = pidsOf(target, tree)
      if (pids.some((pid) => !toy.processes.has(pid)))
        return { kind: 'refused', code: 'target_not_found', detail: 'no such process' }
      const running = pids.filter((pid) => toy.processes.get(pid) === 'running')
      if (running.length === 0) return { kind: 'already-so', found: 'it stands still' }
      return {
        kind: 'ready',
        inverse: { v: 1, processes: running.map(refOf), alreadySuspended: [] },
        resources: pids.map((pid) => `process:${pid}`),
        touches: [],
        impact: { would: ['suspend'], hurts: [], gaps: [] },
      }
    },
    async apply(_, __, { processes }) {
      await toy.pause('apply suspension')
      setAll(
        'suspend',
        processes.map(({ pid }) => pid),
        'suspended',
      )
      return { summary: 'Suspended', gaps: [] }
    },
    verify: async (bench, _, { processes }) =>
      look(
        processes.map(({ pid }) => pid),
        'suspended',
        bench.nowMs(),
      ),
    async compare(_, { processes }) {
      const states = processes.map(({ pid }) => toy.processes.get(pid))
      if (states.every((state) => state === 'suspended')) return { kind: 'as-left' }
      if (states.every((state) => state === 'running')) return { kind: 'as-found', found: 'all run' }
      return { kind: 'drifted', code: 'state_drifted', detail: 'some run', drift: [], choices: ['leave', 'replace'] }
    },
    async revert(_, { processes }) {
      setAll(
        'resume',
        processes.map(({ pid }) => pid),
        'running',
      )
      return { summary: 'Resumed', gaps: [] }
    },
    verifyReverted: async (bench, { processes }) =>
      look(
        processes.map(({ pid }) => pid),
        'running',
        bench.nowMs(),
      ),
  }
}

function kill(toy: Toy): Implementation<'kill-process'> {
  return {
    async prepare(_, { target, tree }) {
      const pids = pidsOf(target, tree)
      if (pids.every((pid) => !toy.processes.has(pid))) return { kind: 'already-so', found: 'it has ended' }
      return {
        kind: 'ready',
        inverse: null,
        resources: pids.map((pid) => `process:${pid}`),
        touches: [],
        impact: { would: ['kill'], hurts: [], gaps: [] },
      }
    },
    async apply(_, { target, tree }) {
      for (const pid of pidsOf(target, tree))
        if (toy.processes.has(pid)) change(toy, `kill ${pid}`, () => toy.processes.delete(pid))
      return { summary: 'Killed', gaps: [] }
    },
    verify: async (bench, { target, tree }) =>
      pidsOf(target, tree).map((pid) => ({
        subject: 'process',
        found: String(toy.processes.get(pid)),
        holds: !toy.processes.has(pid),
        at: bench.nowMs(),
      })),
  }
}

function isolate(toy: Toy): Reversible<'isolate-device'> {
  const set = (state: 'open' | 'shut') => {
    if (toy.firewall !== state) change(toy, `firewall ${state}`, () => (toy.firewall = state))
  }
  return {
    prepare: async (bench) =>
      toy.firewall === 'shut'
        ? { kind: 'already-so', found: 'it is shut' }
        : {
            kind: 'ready',
            inverse: { v: 1, reachable: [...bench.bounds.controlPlane], canaries: [], foundTable: null },
            resources: ['network'],
            touches: [],
            impact: { would: ['shut'], hurts: [], gaps: [] },
          },
    async apply() {
      set('shut')
      change(toy, 'remember shut', () => {})
      return { summary: 'Shut', gaps: [] }
    },
    verify: async (bench) => [
      { subject: 'firewall', found: toy.firewall, holds: toy.firewall === 'shut', at: bench.nowMs() },
      { subject: 'canary', found: 'asked', holds: !toy.canaryAnswers, at: bench.nowMs() },
    ],
    compare: async () => (toy.firewall === 'shut' ? { kind: 'as-left' } : { kind: 'as-found', found: 'it is open' }),
    async revert() {
      change(toy, 'forget shut', () => {})
      set('open')
      return { summary: 'Opened', gaps: [] }
    },
    verifyReverted: async (bench) => [
      { subject: 'firewall', found: toy.firewall, holds: toy.firewall === 'open', at: bench.nowMs() },
    ],
    hold(bench, _, tampered) {
      const holder = () => {
        if (toy.firewall === 'shut') return
        set('shut')
        tampered([{ subject: 'firewall', found: 'somebody had opened it', holds: true, at: bench.nowMs() }])
      }
      toy.holders.add(holder)
      return { [Symbol.dispose]: () => void toy.holders.delete(holder) }
    },
  }
}

/** The actions of the toy; every further one of the catalogue is unsupported on it. */
export function toyRegistry(toy: Toy): Registry {
  const none = unsupported('the toy does not know it')
  const known: Partial<Registry> = {
    'quarantine-file': { linux: quarantine(toy), windows: none },
    'kill-process': { linux: kill(toy), windows: none },
    'suspend-process': { linux: suspend(toy), windows: none },
    'isolate-device': { linux: isolate(toy), windows: none },
    'purge-quarantine': { linux: purge(toy), windows: none },
  }
  return Object.fromEntries(
    actionNames.map((name) => [name, known[name] ?? { linux: none, windows: none }]),
  ) as Registry
}
