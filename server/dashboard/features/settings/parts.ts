export const groupsOfParts = ['Yours', 'Access', 'Devices', 'Deciding', 'Outside', 'Keeping'] as const

/** The parts of the settings, by what they are about. */
export const parts = [
  { id: 'you', group: 'Yours', title: 'You' },
  { id: 'tokens', group: 'Yours', title: 'API tokens' },
  { id: 'people', group: 'Access', title: 'People' },
  { id: 'roles', group: 'Access', title: 'Roles' },
  { id: 'clients', group: 'Access', title: 'API clients' },
  { id: 'enrolment', group: 'Devices', title: 'Enrolment' },
  { id: 'rules', group: 'Deciding', title: 'Approvals and limits' },
  { id: 'automation', group: 'Deciding', title: 'Automation' },
  { id: 'notifications', group: 'Outside', title: 'Notifications' },
  { id: 'forwarders', group: 'Outside', title: 'Forwarders' },
  { id: 'retention', group: 'Keeping', title: 'Retention' },
] as const satisfies readonly { id: string; group: (typeof groupsOfParts)[number]; title: string }[]
