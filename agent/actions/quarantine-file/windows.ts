import { unsupported } from '../../core/action.ts'

export const windows = unsupported(
  'The agent does not yet reach files on Windows by handle, so it could not be sure of what it takes or where it puts it back.',
)
