import { type ErrorCode, errors } from '../../../protocol/errors.ts'
import { dropAhead, takeAhead } from './ahead.ts'
import { type Issue, Problem } from './problem.ts'

export type Query = { readonly [name: string]: string | number | boolean | null | undefined }

/** Path with its query; empty values are left out. */
export function withQuery(path: string, query: Query = {}): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') given.set(name, String(value))
  }
  const text = given.toString()
  return text === '' ? path : `${path}?${text}`
}

/** Reads from the API. The shape is what `/v1/openapi.json` says of the path. Throws {@link Problem}. */
export const get = <T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> =>
  call<T>('GET', withQuery(path, query), undefined, signal)

type Change = 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * Changes something. Every change that makes something new carries an idempotency key, so that a click that is sent twice by a bad
 * line is done once. Throws {@link Problem}.
 */
export const send = <T>(method: Change, path: string, body?: unknown): Promise<T> => call<T>(method, path, body)

async function call<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json', 'recourse-client': 'dashboard' }
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (method === 'POST') headers['idempotency-key'] = crypto.randomUUID()
  // What was asked for before a change is old, and before a sign-in it was refused.
  if (method !== 'GET') dropAhead()
  let response: Response
  try {
    response = await ((method === 'GET' ? takeAhead(path) : null) ??
      fetch(path, {
        method,
        headers,
        credentials: 'same-origin',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      }))
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Problem('offline', 0, null)
  }
  if (!response.ok) throw await problemOf(response)
  if (response.status === 204) return undefined as T
  const text = await response.text()
  return (text === '' ? undefined : JSON.parse(text)) as T
}

async function problemOf(response: Response): Promise<Problem> {
  const wait = Number(response.headers.get('retry-after'))
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null
  try {
    const body = (await response.json()) as { code?: unknown; detail?: unknown; issues?: readonly Issue[] }
    const detail = typeof body.detail === 'string' ? body.detail : null
    if (isCode(body.code)) return new Problem(body.code, response.status, detail, retryAfter, body.issues)
  } catch {
    // Not the API's own words: something between this page and the server answered.
  }
  return new Problem(response.status >= 500 ? 'offline' : 'internal', response.status, null, retryAfter)
}

const isCode = (value: unknown): value is ErrorCode => typeof value === 'string' && Object.hasOwn(errors, value)
