import { NativeSelect, Skeleton } from '@mantine/core'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { type ComponentType, lazy, Suspense } from 'react'
import { useNarrow } from '../../ui/narrow.ts'
import { PageHead } from '../../ui/page-head.tsx'
import { MissingScreen } from '../../ui/screens.tsx'
import { groupsOfParts, parts } from './parts.ts'
import classes from './settings.module.css'

/** Each is read when it is first looked at: nobody waits for all of them. */
const bodies: Readonly<Record<(typeof parts)[number]['id'], ComponentType>> = {
  you: lazy(async () => ({ default: (await import('./you.tsx')).You })),
  tokens: lazy(async () => ({ default: (await import('./tokens.tsx')).Tokens })),
  people: lazy(async () => ({ default: (await import('./people.tsx')).People })),
  roles: lazy(async () => ({ default: (await import('./roles.tsx')).Roles })),
  clients: lazy(async () => ({ default: (await import('./clients.tsx')).Clients })),
  enrolment: lazy(async () => ({ default: (await import('./enrolment.tsx')).Enrolment })),
  rules: lazy(async () => ({ default: (await import('./rules.tsx')).Rules })),
  automation: lazy(async () => ({ default: (await import('./automation.tsx')).Automation })),
  notifications: lazy(async () => ({ default: (await import('./notifications.tsx')).Notifications })),
  forwarders: lazy(async () => ({ default: (await import('./forwarders.tsx')).Forwarders })),
  retention: lazy(async () => ({ default: (await import('./retention.tsx')).Retention })),
}

export const SettingsPage = () => {
  const { part } = useParams({ from: '/inside/settings/$part' })
  const navigate = useNavigate()
  const narrow = useNarrow()
  const current = parts.find((it) => it.id === part)
  if (current === undefined) return <MissingScreen />
  const Body = bodies[current.id]
  return (
    <div className={classes.page}>
      <PageHead title="Settings" />
      <div className={classes.body}>
        {narrow ? (
          <NativeSelect
            aria-label="Part of the settings"
            value={current.id}
            onChange={(event) => void navigate({ to: '/settings/$part', params: { part: event.currentTarget.value } })}
            data={groupsOfParts.map((group) => ({
              group,
              items: parts.filter((it) => it.group === group).map((it) => ({ value: it.id, label: it.title })),
            }))}
          />
        ) : (
          <nav className={classes.parts} aria-label="Settings">
            {groupsOfParts.map((group) => (
              <div key={group}>
                <h2>{group}</h2>
                <ul>
                  {parts
                    .filter((it) => it.group === group)
                    .map((it) => (
                      <li key={it.id}>
                        <Link
                          to="/settings/$part"
                          params={{ part: it.id }}
                          aria-current={it.id === current.id ? 'page' : undefined}
                        >
                          {it.title}
                        </Link>
                      </li>
                    ))}
                </ul>
              </div>
            ))}
          </nav>
        )}
        <div className={classes.panel}>
          <Suspense fallback={<Skeleton height={320} aria-label="Loading" />}>
            <Body key={current.id} />
          </Suspense>
        </div>
      </div>
    </div>
  )
}
