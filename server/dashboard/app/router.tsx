import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router'
import { readActionSearch } from '../features/actions/search.ts'
import { readVaultSearch } from '../features/vault/search.ts'
import { adoptPreferences } from '../ui/preference.ts'
import { ErrorScreen, MissingScreen } from '../ui/screens.tsx'
import { Layout } from './layout.tsx'
import { sessionQuery } from './session.ts'

interface Context {
  readonly queries: QueryClient
}

const textIn = (search: Record<string, unknown>, name: string): string | undefined => {
  const value = search[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const root = createRootRouteWithContext<Context>()({ component: Outlet })

const signInRoute = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search): { to?: string } => {
    const to = textIn(search, 'to')
    // Only a path of this site: a link must not send anyone elsewhere after they signed in.
    return to !== undefined && /^\/(?![/\\])/.test(to) ? { to } : {}
  },
  component: lazyRouteComponent(() => import('../features/sign-in/sign-in-page.tsx'), 'SignInPage'),
})

const setUpRoute = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  component: lazyRouteComponent(() => import('../features/sign-in/set-up-page.tsx'), 'SetUpPage'),
})

/** Everything behind the sign-in. `?action=…` opens the flyout of that action on any page: each action has a link. */
const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  validateSearch: (search): { action?: string } => {
    const action = textIn(search, 'action')
    return action === undefined ? {} : { action }
  },
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.ensureQueryData(sessionQuery)
    if (me === null)
      redirect({ to: '/sign-in', search: location.href === '/' ? {} : { to: location.href }, throw: true })
    else await adoptPreferences(me.id)
  },
  component: Layout,
})

const overview = createRoute({
  getParentRoute: () => inside,
  path: '/',
  component: lazyRouteComponent(() => import('../features/overview/overview-page.tsx'), 'OverviewPage'),
})
const actionsHome = createRoute({
  getParentRoute: () => inside,
  path: '/actions',
  beforeLoad: ({ search }) => {
    redirect({ to: '/actions/$view', params: { view: 'pending' }, search, throw: true })
  },
})
const actions = createRoute({
  getParentRoute: () => inside,
  path: '/actions/$view',
  validateSearch: readActionSearch,
  component: lazyRouteComponent(() => import('../features/actions/actions-page.tsx'), 'ActionsPage'),
})
const devices = createRoute({
  getParentRoute: () => inside,
  path: '/devices',
  validateSearch: (search): { q?: string; show?: string } => {
    const q = textIn(search, 'q')
    const show = textIn(search, 'show')
    return { ...(q === undefined ? {} : { q }), ...(show === undefined ? {} : { show }) }
  },
  component: lazyRouteComponent(() => import('../features/devices/devices-page.tsx'), 'DevicesPage'),
})
const device = createRoute({
  getParentRoute: () => inside,
  path: '/devices/$id',
  validateSearch: (search): { respond?: string } => {
    const respond = textIn(search, 'respond')
    return respond === undefined ? {} : { respond }
  },
  component: lazyRouteComponent(() => import('../features/devices/device-page.tsx'), 'DevicePage'),
})
const groups = createRoute({
  getParentRoute: () => inside,
  path: '/groups',
  component: lazyRouteComponent(() => import('../features/groups/groups-page.tsx'), 'GroupsPage'),
})
const investigations = createRoute({
  getParentRoute: () => inside,
  path: '/investigations',
  component: lazyRouteComponent(
    () => import('../features/investigations/investigations-page.tsx'),
    'InvestigationsPage',
  ),
})
const investigation = createRoute({
  getParentRoute: () => inside,
  path: '/investigations/$id',
  component: lazyRouteComponent(() => import('../features/investigations/investigation-page.tsx'), 'InvestigationPage'),
})
const alerts = createRoute({
  getParentRoute: () => inside,
  path: '/alerts',
  component: lazyRouteComponent(() => import('../features/alerts/alerts-page.tsx'), 'AlertsPage'),
})
const vault = createRoute({
  getParentRoute: () => inside,
  path: '/vault',
  validateSearch: readVaultSearch,
  component: lazyRouteComponent(() => import('../features/vault/vault-page.tsx'), 'VaultPage'),
})
const audit = createRoute({
  getParentRoute: () => inside,
  path: '/audit',
  component: lazyRouteComponent(() => import('../features/audit/audit-page.tsx'), 'AuditPage'),
})
const settingsHome = createRoute({
  getParentRoute: () => inside,
  path: '/settings',
  beforeLoad: () => {
    redirect({ to: '/settings/$part', params: { part: 'you' }, throw: true })
  },
})
const settings = createRoute({
  getParentRoute: () => inside,
  path: '/settings/$part',
  component: lazyRouteComponent(() => import('../features/settings/settings-page.tsx'), 'SettingsPage'),
})

const tree = root.addChildren([
  signInRoute,
  setUpRoute,
  inside.addChildren([
    overview,
    actionsHome,
    actions,
    devices,
    device,
    groups,
    investigations,
    investigation,
    alerts,
    vault,
    audit,
    settingsHome,
    settings,
  ]),
])

export const makeRouter = (queries: QueryClient) =>
  createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: 'intent',
    defaultErrorComponent: ErrorScreen,
    defaultNotFoundComponent: MissingScreen,
    scrollRestoration: false,
  })

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
