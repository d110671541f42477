import type { Target } from '../../protocol/action-spec.ts'
import { type ActionName, specOf } from '../../protocol/actions/index.ts'
import type { Capability } from '../../protocol/messages.ts'

/** What there is to say once everything runs. */
export interface Scene {
  readonly url: string
  /** Null when somebody can sign in already. */
  readonly setUpUrl: string | null
  readonly device: { readonly id: string; readonly name: string }
  /** Null when the agent did not answer. */
  readonly agent: {
    readonly connected: boolean
    readonly trouble: string | null
    readonly capabilities: readonly Capability[]
  } | null
  readonly confined: boolean
  readonly folder: string
  readonly policy: string
  readonly file: { readonly path: string; readonly sha256: string | null }
  /** Files of the device that are in its vault now, by the id of the action. */
  readonly inVault: readonly string[]
  readonly data: string
  /** How many simulated devices join now; null for none. */
  readonly simulated: number | null
}

/** A word of a command line that any shell takes as it is. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** `recourse` with these arguments, ready to be copied. */
const recourse = (...words: string[]): string => ['npx recourse', ...words.map(quoted)].join(' ')

/** The commands that do the main job by hand, in their order; the name is the one the words before them ask for. */
export function commandsFor({ url, device, file, inVault }: Scene): string[] {
  const [taken] = inVault
  const undo = (id: string) => `${recourse('undo', id, '--comment', 'it was harmless', '--approve', '--wait')}`
  const signIn = recourse('sign-in', url, '--name', 'admin')
  const inForce = recourse('in-force')
  if (file.sha256 === null) return taken === undefined ? [signIn, recourse('history')] : [signIn, inForce, undo(taken)]
  const target = ['quarantine-file', '--device', device.name, '--path', file.path, '--sha256', file.sha256]
  return [
    signIn,
    recourse('preview', ...target),
    recourse('propose', ...target, '--comment', 'it calls itself a photo', '--approve', '--wait'),
    inForce,
    undo('ID'),
  ]
}

/** Everything `npm start` says once it runs. */
export function wordsFor(scene: Scene): string {
  const { url, setUpUrl, device, agent, folder, policy, file, data, simulated } = scene
  const lines = ['', 'Recourse runs.', '', `  Address   ${url}`]
  if (setUpUrl !== null) lines.push(`  Set up    ${setUpUrl}`, '            once, within a day')
  lines.push(`  Device    ${device.name}: this machine, with a real agent`)
  lines.push(
    scene.confined
      ? `            confined by its local policy to ${folder}`
      : `            with a local policy that you changed: ${policy}`,
  )
  if (agent === null) lines.push(`            It does not answer; its log is in ${data}/log/agent.log`)
  else {
    if (!agent.connected)
      lines.push(`            NOT connected yet${agent.trouble === null ? '' : `: ${agent.trouble}`}`)
    lines.push(...capabilityLines(agent.capabilities, scene.confined))
  }
  if (simulated !== null)
    lines.push(
      `  Fleet     ${simulated} simulated devices join now, with people who act on them and on no other;`,
      '            npm start -- --empty is without them',
    )
  lines.push(`  Kept in   ${data}`, '')

  lines.push(
    file.sha256 === null
      ? scene.inVault.length === 0
        ? 'The suspicious file is not in the playground any more. Delete the playground, and the next start lays it out anew. Meanwhile:'
        : 'The suspicious file is in the vault. Bring it back, in another terminal, in this folder:'
      : 'Try it, in another terminal, in this folder:',
  )
  if (setUpUrl !== null)
    lines.push(
      '  Open the set-up link first; take the name admin, and tick “I work alone”, so that you may approve what you ask for.',
    )
  lines.push('', ...commandsFor(scene).map((command) => `  ${command}`), '')
  if (file.sha256 !== null)
    lines.push('ID is in the answer of in-force. The file is back as it was: bytes, mode, owner, times, attributes.')
  lines.push('Ctrl-C stops everything; npm start goes on where it was.', '')
  return lines.join('\n')
}

/** One line for each action, with the reason where it cannot be done, or not everywhere. */
function capabilityLines(capabilities: readonly Capability[], confined: boolean): string[] {
  return capabilities.map(({ action, support, reason }) => {
    const limit = confined ? limitOf[targetKindOf(action)] : null
    const able = support === 'supported' && limit?.forbids !== true
    const why = [...(reason === '' ? [] : [reason]), ...(limit === null ? [] : [limit.why])].join('; ')
    return `            ${able ? 'can   ' : 'cannot'} ${action}${why === '' ? '' : `: ${why}`}`
  })
}

/** What confinement to a folder means for each kind of target. */
const limitOf: Readonly<Record<Target['kind'], { readonly forbids: boolean; readonly why: string }>> = {
  file: { forbids: false, why: 'files in the playground' },
  process: { forbids: false, why: 'processes of programs that lie in the playground' },
  device: { forbids: true, why: 'it is about the whole device, which the local policy does not allow' },
}

function targetKindOf(action: ActionName): Target['kind'] {
  const spec = specOf(action)
  return spec.target(spec.params.parse(spec.example)).kind
}
