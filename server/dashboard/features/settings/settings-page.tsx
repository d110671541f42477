import { Tabs } from '@mantine/core'
import { useNavigate, useParams } from '@tanstack/react-router'
import type { ComponentType } from 'react'
import { useMay } from '../../app/session.ts'
import { PageHead } from '../../ui/page-head.tsx'
import { MissingScreen } from '../../ui/screens.tsx'
import { Enrolment } from './enrolment.tsx'
import { People } from './people.tsx'
import { Rules } from './rules.tsx'
import classes from './settings.module.css'
import { Tokens } from './tokens.tsx'
import { You } from './you.tsx'

interface Part {
  readonly id: string
  readonly title: string
  readonly needs: string | null
  readonly Body: ComponentType
}

const parts: readonly Part[] = [
  { id: 'you', title: 'You', needs: null, Body: You },
  { id: 'tokens', title: 'API tokens', needs: null, Body: Tokens },
  { id: 'people', title: 'People', needs: 'people-manage', Body: People },
  { id: 'enrolment', title: 'Enrolment', needs: 'devices-manage', Body: Enrolment },
  { id: 'rules', title: 'Rules', needs: null, Body: Rules },
]

export const SettingsPage = () => {
  const { part } = useParams({ from: '/inside/settings/$part' })
  const navigate = useNavigate()
  const may = useMay()
  const offered = parts.filter((it) => it.needs === null || may(it.needs))
  const current = offered.find((it) => it.id === part)
  if (current === undefined) return <MissingScreen />
  return (
    <div className={classes.page}>
      <PageHead title="Settings" />
      <Tabs
        value={current.id}
        onChange={(to) => void navigate({ to: '/settings/$part', params: { part: to ?? 'you' } })}
        keepMounted={false}
        classNames={{ list: classes.tabs ?? '' }}
      >
        <Tabs.List>
          {offered.map((it) => (
            <Tabs.Tab key={it.id} value={it.id}>
              {it.title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={current.id} className={classes.panel ?? ''}>
          <current.Body />
        </Tabs.Panel>
      </Tabs>
    </div>
  )
}
