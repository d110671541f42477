import type { ActionSpec } from '../action-spec.ts'
import { collectQuarantined } from './collect-quarantined.ts'
import { isolateDevice } from './isolate-device.ts'
import { killProcess } from './kill-process.ts'
import { purgeQuarantine } from './purge-quarantine.ts'
import { quarantineFile } from './quarantine-file.ts'
import { suspendProcess } from './suspend-process.ts'

/** Every action there is. One line each; everything else is derived from the spec. */
export const catalogue = {
  'quarantine-file': quarantineFile,
  'kill-process': killProcess,
  'suspend-process': suspendProcess,
  'isolate-device': isolateDevice,
  'purge-quarantine': purgeQuarantine,
  'collect-quarantined': collectQuarantined,
} as const satisfies { [Name in string]: ActionSpec<Name> }

export type Catalogue = typeof catalogue
export type ActionName = keyof Catalogue

export const actionNames = Object.keys(catalogue) as [ActionName, ...ActionName[]]

export const isActionName = (name: string): name is ActionName => Object.hasOwn(catalogue, name)

/** The spec by name with its own types forgotten, for code that treats all actions alike. */
export const specOf = (name: ActionName): ActionSpec => catalogue[name]

/** Those that leave something standing, which an undo takes back. */
export const reversibleActions: readonly ActionName[] = actionNames.filter((name) => 'inverse' in specOf(name).undo)

/** The words for taking an action back, or null when it cannot be taken back. */
export const undoTitleOf = (name: ActionName): string | null => {
  const { undo } = specOf(name)
  return 'title' in undo ? undo.title : null
}
