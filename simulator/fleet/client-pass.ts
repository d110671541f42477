import * as z from 'zod'
import { type Pass, Refused } from './operator.ts'

/** An API client of the control plane. */
export interface ClientSecret {
  readonly id: string
  readonly secret: string
}

const answer = z.object({ access_token: z.string(), expires_in: z.number() })
const refusal = z.object({ error: z.string(), error_description: z.string() })
const patienceMs = 20_000

/** What a program shows: an access token (OAuth 2 client credentials), got anew when half of its life is over. */
export function clientPass(url: string, { id, secret }: ClientSecret): Pass {
  let kept: { readonly headers: Readonly<Record<string, string>>; readonly until: number } | null = null
  let asking: Promise<Readonly<Record<string, string>>> | null = null
  const ask = async () => {
    const said = await fetch(new URL('/v1/oauth/token', url), {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret }),
      signal: AbortSignal.timeout(patienceMs),
    })
    const body: unknown = await said.json()
    if (!said.ok) {
      const why = refusal.safeParse(body)
      throw new Refused(said.status, 'not_signed_in', why.success ? why.data.error_description : `${said.status}`)
    }
    const { access_token, expires_in } = answer.parse(body)
    kept = { headers: { authorization: `Bearer ${access_token}` }, until: performance.now() + expires_in * 500 }
    return kept.headers
  }
  return async () => {
    if (kept !== null && performance.now() < kept.until) return kept.headers
    asking ??= ask().finally(() => (asking = null))
    return asking
  }
}
