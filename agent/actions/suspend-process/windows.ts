import { unsupported } from '../../core/action.ts'

export const windows = unsupported('The agent for Windows is not built yet.')
