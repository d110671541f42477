import { specOf } from '../../protocol/actions/index.ts'
import { errors } from '../../protocol/errors.ts'
import type { InForceEntry } from '../../protocol/messages.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { ControlStatus } from '../control.ts'
import type { VaultFinding } from '../verify-vault.ts'

/** Text of files and programs can hold anything; on a terminal it must not move the cursor, change colours or turn the order of letters. */
export const plain = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`)

const time = (ms: number) => new Date(ms).toISOString()

export const statusLines = (status: ControlStatus): string[] => [
  `device       ${status.deviceId}`,
  `version      ${status.version}`,
  `gateway      ${status.gateway}`,
  `link         ${status.link} since ${time(status.since)}`,
  ...(status.trouble === null ? [] : [`trouble      ${plain(status.trouble.detail)}`]),
  `certificate  valid until ${time(status.certificateExpiresAt)}`,
  `in force     ${status.inForce}`,
  ...status.capabilities.map(
    ({ action, support, reason }) => `${support.padEnd(12)} ${action}${reason === '' ? '' : `: ${plain(reason)}`}`,
  ),
]

export const inForceLines = (entries: readonly InForceEntry[]): string[] =>
  entries.length === 0
    ? ['nothing is in force']
    : entries.map(({ actionId, action, effect, provedAt, until }) =>
        [
          actionId,
          effect.padEnd(8),
          specOf(action).title,
          `proved ${time(provedAt)}`,
          ...(until === null ? [] : [`until ${time(until)}`]),
        ].join('  '),
      )

export const vaultLines = (findings: readonly VaultFinding[]): string[] => [
  ...findings.map(
    ({ item, state, sizeBytes, intact, detail }) =>
      `${intact ? 'intact ' : 'DAMAGED'}  ${item}  ${state.padEnd(6)}  ${sizeBytes} bytes  ${plain(detail)}`,
  ),
  `${findings.length} items, ${findings.filter(({ intact }) => !intact).length} damaged`,
]

export function outcomeLines(outcome: Outcome): string[] {
  switch (outcome.status) {
    case 'succeeded':
      return [
        `undone: ${plain(outcome.summary)}`,
        ...outcome.gaps.map(({ what, why }) => `not restored: ${plain(what)}: ${plain(why)}`),
        ...outcome.evidence.map(({ found, holds }) => `${holds ? 'proved' : 'NOT PROVED'}: ${plain(found)}`),
      ]
    case 'conflict':
      return [
        `conflict: ${errors[outcome.code].meaning} ${plain(outcome.detail)}`,
        ...outcome.drift.map(
          ({ what, expected, found }) => `${plain(what)}: expected ${plain(expected)}, found ${plain(found)}`,
        ),
      ]
    case 'failed':
    case 'refused':
    case 'expired':
    case 'cancelled':
      return [`${outcome.status}: ${errors[outcome.code].meaning} ${plain(outcome.detail)}`]
  }
}
