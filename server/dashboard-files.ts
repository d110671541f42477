import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import staticFiles from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Source } from './source.ts'

/**
 * INVARIANTS
 * - An address of the API is never answered with a page: whoever asks for JSON under a mistyped path gets a problem, not HTML.
 * - The page may run scripts of this server only. Style elements carry a nonce that is new for each page; scripts never do.
 */

const nonceMark = 'STYLE_NONCE'
const year = 31_536_000

/** First parts of a path that belong to programs; everything else may be a page of the dashboard. */
const reserved = /^(?:v1|api|enrol|healthz|readyz|metrics)(?:\/|$)/

const policyFor = (nonce: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

/** Whether there is a dashboard in the folder. */
export const isDashboardBuilt = (folder: string): boolean => existsSync(join(folder, 'index.html'))

export interface DashboardDeps {
  /** Where `npm run build` put it. */
  readonly folder: string
  readonly source: Pick<Source, 'randomBytes'>
}

/**
 * Serves the dashboard: its files, and for every path that no other route has, its one page. Files under `assets/` have the hash of
 * their content in their name and are kept by browsers for ever; the page itself is never kept. Its rule in the table of access is
 * `GET /*`: public, because it holds nothing but code; what it shows comes from the API.
 */
export async function dashboardRoutes(app: FastifyInstance, { folder, source }: DashboardDeps): Promise<void> {
  const page = isDashboardBuilt(folder) ? readFileSync(join(folder, 'index.html'), 'utf8') : null
  if (page !== null) {
    await app.register(staticFiles, {
      root: folder,
      serve: false,
      preCompressed: true,
      index: false,
      dotfiles: 'deny',
      cacheControl: false,
    })
  }
  const sendPage = (reply: FastifyReply) => {
    if (page === null) {
      return reply.code(503).type('text/plain; charset=utf-8').send('The dashboard is not built. Run: npm run build\n')
    }
    const nonce = Buffer.from(source.randomBytes(16)).toString('base64')
    return reply
      .header('content-security-policy', policyFor(nonce))
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(page.replaceAll(nonceMark, nonce))
  }

  app.get('/', { schema: { hide: true } }, (_, reply) => sendPage(reply))
  app.get('/*', { schema: { hide: true } }, (request: FastifyRequest<{ Params: { '*': string } }>, reply) => {
    const path = request.params['*']
    if (reserved.test(path)) return reply.callNotFound()
    const isAsset = path.startsWith('assets/')
    if (!isAsset && !/\.[a-z0-9]+$/i.test(path)) return sendPage(reply)
    if (page === null || path.endsWith('.html')) return reply.callNotFound()
    reply.header('cache-control', isAsset ? `public, max-age=${year}, immutable` : 'no-cache')
    return reply.sendFile(path)
  })
}
