/** Pages that people look at, in the words of the API and as the barest statement for the same rows. */
export const pages = [
  { filter: '', where: 'true' },
  { filter: 'status=failed', where: `status = 'failed'` },
  {
    filter: 'status=failed&window=month',
    where: `status = 'failed' and created_at >= unixepoch() * 1000 - 2592000000`,
  },
  { filter: 'action=kill-process', where: `action = 'kill-process'` },
  { filter: 'requestedBy=olga&kind=do', where: `requested_by = 'olga' and kind || '' = 'do'` },
  { filter: 'effect=in-force,unknown', where: `effect in ('in-force', 'unknown')` },
] as const
