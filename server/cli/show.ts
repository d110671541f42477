import Table from 'cli-table3'
import type { Outcome, Preview } from '../../protocol/outcome.ts'
import type { ActionView } from '../actions/views.ts'
import { plainText } from './plain-text.ts'

/** Where the program writes; a test gives its own. */
export interface Screen {
  out(text: string): void
  err(text: string): void
  /** True for `--json`: every answer is one JSON value on stdout and nothing else. */
  readonly json: boolean
}

/** The answer as people or programs want it. */
export function show(screen: Screen, value: unknown, asText: () => string): void {
  screen.out(screen.json ? `${JSON.stringify(value, null, 2)}\n` : `${asText()}\n`)
}

/** A table without lines; every cell is made safe to print. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], whenEmpty: string): string {
  if (rows.length === 0) return whenEmpty
  const drawn = new Table({
    head: [...head],
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) drawn.push(row.map(plainText))
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Local time to the second, or a dash. */
export const time = (at: number | null): string => (at === null ? '–' : new Date(at).toLocaleString('sv-SE'))

export const actionHead = ['ID', 'ACTION', 'TARGET', 'DEVICE', 'STATUS', 'EFFECT', 'ASKED BY', 'WHEN'] as const

export const actionRow = (action: ActionView): string[] => [
  action.id,
  action.title,
  action.target.label,
  action.device.name,
  action.status,
  action.effect,
  action.requestedBy,
  time(action.createdAt),
]

export function outcomeLines(outcome: Outcome | null): string[] {
  if (outcome === null) return []
  switch (outcome.status) {
    case 'succeeded':
      return [
        outcome.summary,
        ...outcome.evidence.map(({ subject, found, holds }) => `  ${holds ? '✓' : '✗'} ${subject}: ${found}`),
        ...outcome.gaps.map(({ what, why }) => `  not restored: ${what} (${why})`),
      ].map(plainText)
    case 'conflict':
      return [
        `${outcome.code}: ${outcome.detail}`,
        ...outcome.drift.map(({ what, expected, found }) => `  ${what}: expected ${expected}, found ${found}`),
        `  choices: ${outcome.choices.join(', ')}`,
      ].map(plainText)
    case 'failed':
    case 'refused':
    case 'expired':
    case 'cancelled':
      return [plainText(`${outcome.code}: ${outcome.detail}`)]
  }
}

/** One action, whole. */
export const actionText = (action: ActionView): string =>
  [
    `${action.title}: ${plainText(action.target.label)} on ${plainText(action.device.name)}`,
    `  id        ${action.id}`,
    `  status    ${action.status}${action.effect === 'none' ? '' : `, effect ${action.effect} (proved ${time(action.provedAt)})`}`,
    `  why       ${plainText(action.comment)}`,
    `  asked     ${time(action.createdAt)} by ${plainText(action.requestedBy)}`,
    ...(action.decidedBy === null ? [] : [`  decided   ${time(action.decidedAt)} by ${plainText(action.decidedBy)}`]),
    ...(action.expiresAt === null ? [] : [`  expires   ${time(action.expiresAt)}`]),
    ...(action.undoOf === null ? [] : [`  takes back ${action.undoOf}`]),
    ...(action.undoneBy === null ? [] : [`  undone by ${action.undoneBy}`]),
    ...outcomeLines(action.outcome).map((line) => `  ${line}`),
  ].join('\n')

export function previewText(preview: Preview): string {
  if (preview.answer === 'refused') return plainText(`It would be refused: ${preview.code}: ${preview.detail}`)
  const section = (title: string, lines: string[]) =>
    lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${plainText(line)}`)]
  return [
    ...section('The device would:', preview.would),
    ...section(
      'It would hurt:',
      preview.hurts.map(({ what, detail }) => `${what}: ${detail}`),
    ),
    ...section(
      'An undo would not restore:',
      preview.gaps.map(({ what, why }) => `${what}: ${why}`),
    ),
  ].join('\n')
}
