import { linux } from './linux.ts'
import { windows } from './windows.ts'

export const collectQuarantined = { linux, windows }
