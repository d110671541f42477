import type { Registry } from '../core/action.ts'
import { collectQuarantined } from './collect-quarantined/index.ts'
import { isolateDevice } from './isolate-device/index.ts'
import { killProcess } from './kill-process/index.ts'
import { purgeQuarantine } from './purge-quarantine/index.ts'
import { quarantineFile } from './quarantine-file/index.ts'
import { suspendProcess } from './suspend-process/index.ts'

/** What this agent can do, on every platform, or why not. One line each. */
export const registry: Registry = {
  'quarantine-file': quarantineFile,
  'kill-process': killProcess,
  'suspend-process': suspendProcess,
  'isolate-device': isolateDevice,
  'purge-quarantine': purgeQuarantine,
  'collect-quarantined': collectQuarantined,
}
