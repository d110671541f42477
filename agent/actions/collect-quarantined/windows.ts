import { unsupported } from '../../core/action.ts'

export const windows = unsupported(
  'The agent does not yet quarantine files on Windows, so there is nothing to collect.',
)
