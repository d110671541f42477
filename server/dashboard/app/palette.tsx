import { useMantineColorScheme } from '@mantine/core'
import '@mantine/spotlight/styles.css'
import { Spotlight, type SpotlightActionData, type SpotlightActionGroupData, spotlight } from '@mantine/spotlight'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { specOf } from '../../../protocol/actions/index.ts'
import { actionId } from '../../../protocol/ids.ts'
import { askedOnDevices } from '../features/devices/capability.ts'
import { devicesQuery } from '../features/devices/queries.ts'
import { parts } from '../features/settings/parts.ts'
import { Icon } from '../ui/icon.tsx'
import { visible } from '../ui/plain-text.tsx'
import { leave } from './leave.ts'
import { usePaletteCalls } from './palette-store.ts'
import { useMay } from './session.ts'

const devicesShown = 6

/** Everything one can go to or do, by typing a few letters. Ctrl K, or Command K. */
export const Palette = () => {
  const navigate = useNavigate()
  const may = useMay()
  const [text, setText] = useState('')
  const devices = useQuery({ ...devicesQuery, enabled: text.length > 1 }).data ?? []
  const { setColorScheme } = useMantineColorScheme()
  const calls = usePaletteCalls()
  useEffect(() => {
    if (calls > 0) spotlight.toggle()
  }, [calls])
  const wanted = text.trim().toLowerCase()
  const found =
    wanted.length < 2 ? [] : devices.filter((it) => it.name.toLowerCase().includes(wanted)).slice(0, devicesShown)
  const icon = (name: Parameters<typeof Icon>[0]['name']) => <Icon name={name} />
  const go = (
    id: string,
    label: string,
    name: Parameters<typeof Icon>[0]['name'],
    to: string,
  ): SpotlightActionData => ({
    id,
    label,
    leftSection: icon(name),
    onClick: () => void navigate({ to }),
  })
  const groups: SpotlightActionGroupData[] = [
    ...(actionId.safeParse(wanted).success
      ? [
          {
            group: 'Action',
            actions: [
              {
                id: 'open-action',
                label: `Open action ${wanted}`,
                leftSection: icon('actions'),
                onClick: () =>
                  void navigate({
                    to: '/actions/$view',
                    params: { view: 'history' },
                    search: { action: wanted } as never,
                  }),
              },
            ],
          },
        ]
      : []),
    ...(found.length === 0
      ? []
      : [
          {
            group: 'Devices',
            actions: found.flatMap((it): SpotlightActionData[] => [
              {
                id: `device ${it.id}`,
                label: visible(it.name),
                description: `${it.facts.osName} · ${it.connected ? 'connected' : 'absent'}`,
                leftSection: icon('devices'),
                onClick: () => void navigate({ to: '/devices/$id', params: { id: it.id } }),
              },
              ...askedOnDevices
                .filter((name) => may(`respond:${name}`))
                .map((name) => ({
                  id: `${name} ${it.id}`,
                  label: `${specOf(name).title} on ${visible(it.name)}`,
                  leftSection: icon('bolt'),
                  onClick: () =>
                    void navigate({ to: '/devices/$id', params: { id: it.id }, search: { respond: name } as never }),
                })),
            ]),
          },
        ]),
    {
      group: 'Go to',
      actions: [
        go('overview', 'Overview', 'overview', '/'),
        go('pending', 'Pending: what waits for a decision', 'wait', '/actions/pending'),
        go('history', 'History: everything that happened', 'actions', '/actions/history'),
        go('in-force', 'In force: what holds now', 'held', '/actions/in-force'),
        go('investigations', 'Investigations', 'search', '/investigations'),
        go('alerts', 'Alerts', 'warning', '/alerts'),
        go('vault', 'Vault: quarantined files, restore and purge', 'vault', '/vault'),
        go('devices', 'Devices', 'devices', '/devices'),
        go('groups', 'Device groups', 'groups', '/groups'),
        ...(may('audit-read') ? [go('audit', 'Audit: the chain of what was done', 'audit', '/audit')] : []),
        ...parts.map((it) => go(it.id, `Settings: ${it.title}`, 'settings', `/settings/${it.id}`)),
      ],
    },
    {
      group: 'Appearance',
      actions: (['light', 'dark', 'auto'] as const).map((it) => ({
        id: `scheme ${it}`,
        label: it === 'auto' ? 'Theme: as the system' : `Theme: ${it}`,
        leftSection: icon(it === 'light' ? 'sun' : 'moon'),
        onClick: () => setColorScheme(it),
      })),
    },
    {
      group: 'Session',
      actions: [{ id: 'leave', label: 'Sign out', leftSection: icon('leave'), onClick: () => void leave() }],
    },
  ]
  return (
    <Spotlight
      actions={groups}
      query={text}
      onQueryChange={setText}
      shortcut={null}
      nothingFound="Nothing by this name"
      highlightQuery
      scrollable
      maxHeight={420}
      searchProps={{
        leftSection: <Icon name="search" />,
        placeholder: 'Go to, respond on, or paste the id of an action',
        'aria-label': 'Search and commands',
      }}
    />
  )
}
