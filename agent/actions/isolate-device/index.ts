import type { Registry } from '../../core/action.ts'
import { linux } from './linux.ts'
import { windows } from './windows.ts'

export const isolateDevice: Registry['isolate-device'] = { linux, windows }
