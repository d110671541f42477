import { unsupported } from '../../core/action.ts'

/** Windows Filtering Platform could do it in one transaction; until that is written and proven on Windows, nothing is claimed. */
export const windows = unsupported(
  'This agent cannot isolate a Windows device yet: nothing was written or proven for it.',
)
