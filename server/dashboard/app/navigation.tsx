import { Menu, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { pendingCountQuery } from '../features/actions/queries.ts'
import { Icon, type IconName } from '../ui/icon.tsx'
import { useNarrow } from '../ui/narrow.ts'
import { leave } from './leave.ts'
import { useLinkState } from './live.ts'
import classes from './navigation.module.css'
import { togglePalette } from './palette-store.ts'
import { useMay, useMe } from './session.ts'

interface Place {
  readonly to: string
  readonly label: string
  readonly icon: IconName
  readonly exact?: boolean
}

const first: Place = { to: '/', label: 'Overview', icon: 'overview', exact: true }
const views: readonly Place[] = [
  { to: '/actions/pending', label: 'Pending', icon: 'wait' },
  { to: '/actions/history', label: 'History', icon: 'actions' },
  { to: '/actions/in-force', label: 'In force', icon: 'held' },
]
const cases: readonly Place[] = [
  { to: '/investigations', label: 'Investigations', icon: 'search' },
  { to: '/alerts', label: 'Alerts', icon: 'warning' },
  { to: '/vault', label: 'Vault', icon: 'vault' },
]
const rest: readonly Place[] = [
  { to: '/devices', label: 'Devices', icon: 'devices' },
  { to: '/groups', label: 'Device groups', icon: 'groups' },
  { to: '/audit', label: 'Audit', icon: 'audit' },
  { to: '/settings', label: 'Settings', icon: 'settings' },
]

const words = { connecting: 'Connecting', live: 'Live', lost: 'Offline', ended: 'Signed out' } as const

export const Navigation = ({ showHelp }: { showHelp: () => void }) => {
  const may = useMay()
  const pending = useQuery(pendingCountQuery).data
  const narrow = useNarrow()
  // A phone has room for five; the others are in the menu of the person.
  const places = rest.filter((it) => (narrow ? it.to === '/devices' : it.to !== '/audit' || may('audit-read')))
  return (
    <nav className={classes.bar} aria-label="Main">
      <div className={classes.head}>
        <img src="/favicon.svg" width={26} height={26} alt="" />
        <span className={classes.name}>Recourse</span>
      </div>
      <button type="button" className={classes.search} onClick={togglePalette}>
        <Icon name="search" size={16} />
        <span>Search</span>
        <kbd>Ctrl K</kbd>
      </button>
      <ul className={classes.list}>
        <Item {...first} />
        <li className={classes.caption} aria-hidden="true">
          Action center
        </li>
        {views.map((it) => (
          <Item key={it.to} {...it} count={it.to.endsWith('pending') ? pending : undefined} />
        ))}
        {narrow ? null : cases.map((it) => <Item key={it.to} {...it} />)}
        <li className={classes.gap} aria-hidden="true" />
        {places.map((it) => (
          <Item key={it.to} {...it} />
        ))}
      </ul>
      <Foot showHelp={showHelp} />
    </nav>
  )
}

const Item = ({
  to,
  label,
  icon,
  exact = false,
  count,
}: Place & { count?: { count: number; more: boolean } | undefined }) => (
  <li>
    <Link to={to} className={classes.link} activeOptions={{ exact, includeSearch: false }}>
      <Icon name={icon} />
      <span className={classes.label}>{label}</span>
      {count !== undefined && count.count > 0 ? (
        <span className={classes.count}>
          {count.count}
          {count.more ? '+' : ''}
          <span className={classes.unseen}> waiting</span>
        </span>
      ) : null}
    </Link>
  </li>
)

const Foot = ({ showHelp }: { showHelp: () => void }) => {
  const me = useMe()
  const link = useLinkState()
  const may = useMay()
  const narrow = useNarrow()
  const { setColorScheme, colorScheme } = useMantineColorScheme()
  const dark = useComputedColorScheme() === 'dark'
  return (
    <div className={classes.foot}>
      <span className={classes.live} data-state={link} title="Changes appear by themselves while this says Live">
        {words[link]}
      </span>
      <Menu position="top-start" width={220} withinPortal>
        <Menu.Target>
          <button
            type="button"
            className={classes.me}
            aria-label={`${me?.name ?? ''}: appearance, shortcuts, sign out`}
          >
            <Icon name="person" />
            <span className={classes.label}>{me?.name ?? ''}</span>
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Appearance</Menu.Label>
          {(['auto', 'light', 'dark'] as const).map((it) => (
            <Menu.Item
              key={it}
              leftSection={
                <Icon name={it === 'auto' ? (dark ? 'moon' : 'sun') : it === 'dark' ? 'moon' : 'sun'} size={16} />
              }
              rightSection={colorScheme === it ? <Icon name="check" size={14} /> : null}
              onClick={() => setColorScheme(it)}
            >
              {it === 'auto' ? 'As the system' : it === 'light' ? 'Light' : 'Dark'}
            </Menu.Item>
          ))}
          <Menu.Divider />
          {narrow
            ? [...cases, { to: '/groups', label: 'Device groups', icon: 'groups' } as const].map((it) => (
                <Menu.Item key={it.to} component={Link} to={it.to} leftSection={<Icon name={it.icon} size={16} />}>
                  {it.label}
                </Menu.Item>
              ))
            : null}
          {narrow && may('audit-read') ? (
            <Menu.Item component={Link} to="/audit" leftSection={<Icon name="audit" size={16} />}>
              Audit
            </Menu.Item>
          ) : null}
          {narrow ? (
            <Menu.Item component={Link} to="/settings" leftSection={<Icon name="settings" size={16} />}>
              Settings
            </Menu.Item>
          ) : null}
          <Menu.Item leftSection={<Icon name="keyboard" size={16} />} onClick={showHelp}>
            Keyboard shortcuts
          </Menu.Item>
          <Menu.Item component={Link} to="/settings/you" leftSection={<Icon name="person" size={16} />}>
            You
          </Menu.Item>
          <Menu.Item leftSection={<Icon name="leave" size={16} />} onClick={() => void leave()}>
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </div>
  )
}
