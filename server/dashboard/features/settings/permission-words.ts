import { actionNames, specOf } from '../../../../protocol/actions/index.ts'
import { capital } from '../../app/problem.ts'

/** What each permission lets somebody do; those about kinds of action are made from their specs. */
const words: Readonly<Record<string, string>> = {
  view: 'See devices, actions, alerts and investigations',
  'alerts-manage': 'Work on alerts and investigations',
  'alerts-ingest': 'Bring in alerts, on which devices may act by themselves; for connectors',
  'live-response-basic': 'Look around on a device and download from it',
  'live-response-advanced': 'Upload, run scripts and fetch any file',
  'file-collection': 'Collect samples and investigation packages',
  'collected-download': 'Download quarantined files that were collected',
  'devices-manage': 'Enrol, describe and revoke devices',
  'audit-read': 'Read the audit chain',
  'notifications-manage': 'Say who is told what, and where the chain is forwarded',
  'people-manage': 'Manage people and API clients',
  'roles-manage': 'Manage roles',
  'security-settings': 'Change the rules of the whole: settings, device groups, exclusions, keys',
}

export const permissionWords = (permission: string): string => {
  const [head = '', action = ''] = permission.split(':', 2)
  const name = actionNames.find((it) => it === action)
  if (name === undefined) return words[permission] ?? permission
  return `${head === 'respond' ? 'Ask for' : 'Decide on'}: ${specOf(name).title.toLowerCase()}`
}

/** Which kinds of action somebody may ask for and decide on. */
export const namedActions = (permissions: readonly string[]): readonly (readonly [words: string, actions: string])[] =>
  (
    [
      ['respond', 'Asks for'],
      ['approve', 'Decides on'],
    ] as const
  ).flatMap(([head, words]) => {
    const named = actionNames.filter((it) => permissions.includes(`${head}:${it}`))
    return named.length === 0 ? [] : [[words, named.map((it) => specOf(it).title.toLowerCase()).join(', ')] as const]
  })

/** Why somebody without the permission is only shown something. */
export const lockWords = (permission: string): string =>
  `You can read this, not change it: your role does not let you “${lower(permissionWords(permission))}” (${permission}). Whoever manages roles can give you one that does.`

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)

/** A number of permissions in few words: `View · 4 kinds of action · audit-read`. */
export function gistOfPermissions(permissions: readonly string[]): string {
  const of = (head: string) => permissions.filter((it) => it.startsWith(`${head}:`)).length
  const kinds = (count: number) =>
    count === actionNames.length ? 'every action' : `${count} of ${actionNames.length} actions`
  return [
    ...(of('respond') > 0 ? [`asks for ${kinds(of('respond'))}`] : []),
    ...(of('approve') > 0 ? [`decides on ${kinds(of('approve'))}`] : []),
    ...permissions.filter((it) => !it.includes(':')),
  ]
    .map((it, at) => (at === 0 ? capital(it) : it))
    .join(' · ')
}
