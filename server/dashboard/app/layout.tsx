import { Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useLiveQueries } from '../features/actions/live-rows.ts'
import { useShortcuts } from './keyboard.ts'
import classes from './layout.module.css'
import { LinkBanner } from './link-banner.tsx'
import { startLive } from './live.ts'
import { Navigation } from './navigation.tsx'
import { togglePalette, usePaletteCalls } from './palette-store.ts'

const Palette = lazy(() => import('./palette.tsx').then((it) => ({ default: it.Palette })))
const ShortcutList = lazy(() => import('./shortcut-list.tsx').then((it) => ({ default: it.ShortcutList })))
const Flyout = lazy(() => import('../features/actions/flyout.tsx').then((it) => ({ default: it.Flyout })))

/** The frame of every page behind the sign-in. */
export const Layout = () => {
  const navigate = useNavigate()
  const open = useRouterState({ select: (state) => (state.location.search as { action?: string }).action ?? null })
  const path = useRouterState({ select: (state) => state.location.pathname })
  const [help, setHelp] = useState(false)
  const palette = usePaletteCalls() > 0
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return
      event.preventDefault()
      togglePalette()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
  useEffect(startLive, [])
  useLiveQueries()
  useEffect(() => {
    document.title = `${titleOf(path)} · Recourse`
  }, [path])
  useShortcuts([
    { keys: '?', label: 'Show this list', group: 'Anywhere', run: () => setHelp(true) },
    { keys: '.', label: 'Search and commands (also Ctrl K)', group: 'Anywhere', run: togglePalette },
    { keys: 'g o', label: 'Go to Overview', group: 'Go', run: () => void navigate({ to: '/' }) },
    { keys: 'g p', label: 'Go to Pending', group: 'Go', run: () => void goTo('pending') },
    { keys: 'g h', label: 'Go to History', group: 'Go', run: () => void goTo('history') },
    { keys: 'g f', label: 'Go to In force', group: 'Go', run: () => void goTo('in-force') },
    { keys: 'g d', label: 'Go to Devices', group: 'Go', run: () => void navigate({ to: '/devices' }) },
    { keys: 'g i', label: 'Go to Investigations', group: 'Go', run: () => void navigate({ to: '/investigations' }) },
    { keys: 'g l', label: 'Go to Alerts', group: 'Go', run: () => void navigate({ to: '/alerts' }) },
    { keys: 'g v', label: 'Go to Vault', group: 'Go', run: () => void navigate({ to: '/vault' }) },
    { keys: 'g g', label: 'Go to Device groups', group: 'Go', run: () => void navigate({ to: '/groups' }) },
    { keys: 'g a', label: 'Go to Audit', group: 'Go', run: () => void navigate({ to: '/audit' }) },
    { keys: 'g s', label: 'Go to Settings', group: 'Go', run: () => void navigate({ to: '/settings' }) },
  ])
  const goTo = (view: string) => navigate({ to: '/actions/$view', params: { view } })
  return (
    <div className={classes.frame}>
      <a className={classes.skip} href="#main">
        Skip to content
      </a>
      <Navigation showHelp={() => setHelp(true)} />
      <div className={classes.column}>
        <LinkBanner />
        <main id="main" className={classes.main} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <Suspense fallback={null}>
        {palette ? <Palette /> : null}
        {help ? <ShortcutList close={() => setHelp(false)} /> : null}
        {open === null ? null : <Flyout key={open} id={open} />}
      </Suspense>
    </div>
  )
}

const titles: readonly (readonly [prefix: string, title: string])[] = [
  ['/actions/pending', 'Pending'],
  ['/actions/history', 'History'],
  ['/actions/in-force', 'In force'],
  ['/devices', 'Devices'],
  ['/groups', 'Device groups'],
  ['/investigations', 'Investigations'],
  ['/alerts', 'Alerts'],
  ['/vault', 'Vault'],
  ['/audit', 'Audit'],
  ['/settings', 'Settings'],
]
const titleOf = (path: string): string =>
  path === '/' ? 'Overview' : (titles.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'No such page')
