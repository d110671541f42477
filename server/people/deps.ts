import type { Audit } from '../audit/chain.ts'
import type { Keys } from '../keys/keys.ts'
import type { Source } from '../source.ts'
import type { Store } from '../store/store.ts'
import type { Passwords } from './passwords.ts'

export interface PeopleDeps {
  readonly store: Store
  readonly audit: Audit
  readonly source: Source
  readonly passwords: Passwords
  readonly keys: Pick<Keys, 'addRecovery' | 'refresh'>
}
