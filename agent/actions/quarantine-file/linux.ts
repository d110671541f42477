import type { ParamsOf } from '../../../protocol/action-spec.ts'
import type { Catalogue } from '../../../protocol/actions/index.ts'
import { type ErrorCode, RecourseError } from '../../../protocol/errors.ts'
import type { FilePath } from '../../../protocol/file-path.ts'
import type { Gap } from '../../../protocol/outcome.ts'
import { type Applied, type Bench, defineImpl, type Prepared } from '../../core/action.ts'
import { HostError } from '../../host/host.ts'
import { besidePath, mostBeside } from '../../vault/beside.ts'
import { openTarget, recordOf, type Target } from '../../vault/target.ts'
import type { FileRecord } from '../../vault/vault.ts'
import { compareFile, proveRestored, proveTaken } from './compare.ts'

/**
 * Moves a file into the vault and back. All the care about links, races and cuts is in the vault; here is what to take,
 * what to refuse, and what to say.
 */
export const linux = defineImpl('quarantine-file', {
  prepare: async (bench, params) => {
    try {
      using target = openTarget(bench.host, params.path)
      return await prepare(bench, params, target)
    } catch (error) {
      if (error instanceof HostError) return refused(error.code, error.message)
      throw error
    }
  },

  apply: async ({ vault }, _params, record) => {
    const { how } = await vault.take(record)
    const moved = how === 'renamed' ? 'moved' : 'copied, compared and moved'
    return { summary: `${record.path} (${record.sizeBytes} bytes) was ${moved} into the vault.`, gaps: [] }
  },

  verify: (bench, _params, record) => proveTaken(bench, record),

  compare: compareFile,

  revert: async (bench, record, how) => {
    if (bench.vault.holds(record) === 'nothing') return leaveUntaken(bench, record)
    switch (how) {
      case 'as-found':
        return restoreTo(bench, record, record.path)
      case 'beside':
        return restoreBeside(bench, record)
      case 'replace':
        return replace(bench, record)
    }
  },

  verifyReverted: (bench, record, gaps = []) => proveRestored(bench, record, gaps),

  putsBack: (record) => [
    `${record.path} is put back: ${record.sizeBytes} bytes, sha256 ${record.sha256}.`,
    'Its mode, owner, times, attributes and flags are set as they were.',
    ...(record.links > 1 ? ['It will be a file of its own; the other names keep theirs.'] : []),
  ],

  release: ({ vault }, record) => vault.release(record),
})

type Preparation = Prepared<FileRecord>

const refused = (code: ErrorCode, detail: string): Preparation => ({ kind: 'refused', code, detail })

/** Only reads. What is cheap to refuse is refused before the file is read through. */
async function prepare(
  { host, vault, actionId }: Bench,
  { path, sha256 }: ParamsOf<Catalogue['quarantine-file']>,
  target: Target,
): Promise<Preparation> {
  const { file } = target
  const protection = host.machine.protects(path, file.identity)
  if (protection !== null) return refused('target_protected', `${path}: ${protection}`)
  const unable = vault.unable(file.sizeBytes(), path)
  if (unable !== null) return refused(unable.code, unable.detail)
  const record = await recordOf(target, actionId)
  if (record.sha256 !== sha256)
    return refused('target_changed', `${path} has the sha256 ${record.sha256}, and not the approved ${sha256}.`)
  const { device, object } = record.file
  return {
    kind: 'ready',
    inverse: record,
    resources: [`file:${path}`, `object:${device}:${object}`],
    touches: [path],
    impact: {
      would: [`${path} (${record.sizeBytes} bytes) is moved into the vault, where nothing can open or run it.`],
      hurts: hurts(host.machine.owningPackage(path), target, record),
      gaps: gapsOf(record),
    },
  }
}

function hurts(owner: string | null, { file }: Target, { links }: FileRecord) {
  const found = file.users().map(({ pid, image }) => ({
    what: `process ${pid}`.slice(0, 256),
    detail: `${image} has the file open or runs it, and goes on with what it has.`.slice(0, 4_000),
  }))
  if (owner !== null)
    found.unshift({ what: 'package', detail: `The file belongs to ${owner}, which will miss it.`.slice(0, 4_000) })
  if (links > 1)
    found.push({ what: 'other names', detail: `${links - 1} more names of the same file stay where they are.` })
  return found.slice(0, 1_000)
}

/** What a restored file will not have of the old one. The two times cannot be set by anybody. */
function gapsOf({ links }: FileRecord): Gap[] {
  const gaps: Gap[] = [
    {
      what: 'inode number',
      why: 'A file that was sealed is made anew; only one that is put back before that is the same.',
    },
    { what: 'change time and birth time', why: 'The system sets them itself.' },
  ]
  if (links > 1)
    gaps.push({ what: 'hard links', why: `It was one of ${links} names of a file and will be a file of its own.` })
  return gaps
}

/**
 * A take that was refused or cut off before it moved anything has at most lifted a lock of the file, which the vault
 * puts back.
 */
async function leaveUntaken({ vault }: Bench, record: FileRecord): Promise<Applied> {
  try {
    await vault.restore(record, record.path)
  } catch (error) {
    // Whatever else stands there, or nothing: the vault took nothing and has nothing to give back.
    if (!(error instanceof RecourseError)) throw error
  }
  return { summary: `The vault has nothing of ${record.path}: it had not been taken.`, gaps: [] }
}

async function restoreTo({ vault }: Bench, record: FileRecord, path: FilePath): Promise<Applied> {
  const { gaps } = await vault.restore(record, path)
  const beside = path === record.path ? '' : ' beside what stands in its place'
  return { summary: `${path} (${record.sizeBytes} bytes) was put back${beside}.`, gaps }
}

async function restoreBeside(bench: Bench, record: FileRecord): Promise<Applied> {
  for (let number = 1; number <= mostBeside; number++)
    try {
      return await restoreTo(bench, record, besidePath(record.path, number))
    } catch (error) {
      if (!(error instanceof RecourseError) || error.code !== 'place_taken') throw error
    }
  throw new RecourseError('place_taken', `${mostBeside} names beside ${record.path} are taken.`)
}

/**
 * What stands in the way is a quarantine of its own: recorded first, then taken, and undone by an undo of this undo
 * (UND2).
 */
async function replace(bench: Bench, record: FileRecord): Promise<Applied> {
  const before = displacedBefore(bench)
  if (before !== null) await bench.vault.take(before)
  try {
    const restored = await restoreTo(bench, record, record.path)
    return before === null ? restored : inStead(restored)
  } catch (error) {
    if (before !== null || !(error instanceof RecourseError) || error.code !== 'place_taken') throw error
  }
  const standing = await describe(bench, record.path)
  await bench.vault.take(bench.displace(() => standing))
  return inStead(await restoreTo(bench, record, record.path))
}

const inStead = ({ summary, gaps }: Applied): Applied => ({
  summary: `${summary} What stood there was moved into the vault.`,
  gaps,
})

/** What an earlier call has displaced before it was cut off, or null. Nothing is displaced by asking. */
function displacedBefore(bench: Bench): FileRecord | null {
  const nothing = new Error('nothing was displaced')
  try {
    return bench.displace(() => {
      throw nothing
    })
  } catch (error) {
    if (error === nothing) return null
    throw error
  }
}

async function describe({ host, actionId }: Bench, path: FilePath): Promise<FileRecord> {
  using target = openTarget(host, path)
  const protection = host.machine.protects(path, target.file.identity)
  if (protection !== null) throw new RecourseError('target_protected', `${path}: ${protection}`)
  return await recordOf(target, actionId)
}
