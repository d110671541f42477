import './mantine-styles.ts'
import './tokens.css'
import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import * as z from 'zod'
import { askEarly } from '../ui/preference.ts'
import { dropAhead } from './ahead.ts'
import { loadEarly } from './early.ts'
import { Problem } from './problem.ts'
import { makeRouter } from './router.tsx'
import { sessionQuery } from './session.ts'
import { theme, variables } from './theme.ts'

// The content security policy forbids code made from text, which zod would otherwise try for speed.
z.config({ jitless: true })

const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? ''
// The lock on scrolling behind a dialog writes a style element of its own and looks for its nonce here.
Object.assign(globalThis, { __webpack_nonce__: nonce })

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchOnWindowFocus: false,
      retry: (count, error) =>
        count < 2 && error instanceof Problem && (error.code === 'offline' || error.code === 'starting'),
    },
  },
})
loadEarly(window.location.pathname)
void queries.prefetchQuery(sessionQuery)
askEarly()
const router = makeRouter(queries)

// Whoever still needs it has asked by now; an answer that old is not the newest any more.
window.setTimeout(dropAhead, 10_000)

const root = document.getElementById('root')
if (root === null) throw new Error('the page has no #root')
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
      deduplicateInlineStyles
    >
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" limit={4} autoClose={7_000} />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
