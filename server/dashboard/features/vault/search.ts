export const states = ['in-vault', 'restored', 'purged', 'all'] as const

/** What the address says of the page: a link to a filtered list is a saved view. */
export interface VaultSearch {
  readonly by?: 'content'
  readonly state?: (typeof states)[number]
  readonly q?: string
  readonly age?: number
  readonly device?: string
  readonly sha256?: string
}

export function readVaultSearch(search: Record<string, unknown>): VaultSearch {
  const text = (name: 'q' | 'device' | 'sha256') =>
    typeof search[name] === 'string' && search[name] !== '' ? { [name]: search[name] } : {}
  const age = Number(search.age)
  return {
    ...(search.by === 'content' ? { by: 'content' } : {}),
    ...(states.some((it) => it === search.state) ? { state: search.state as (typeof states)[number] } : {}),
    ...(Number.isInteger(age) && age > 0 ? { age } : {}),
    ...text('q'),
    ...text('device'),
    ...text('sha256'),
  }
}
