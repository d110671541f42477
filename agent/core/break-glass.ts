import { createHash, scrypt, timingSafeEqual } from 'node:crypto'
import { decode } from '../../protocol/codec.ts'
import { RecourseError } from '../../protocol/errors.ts'
import {
  type BreakGlassGrant,
  breakGlassBytes,
  breakGlassGrant,
  type Signed,
  signed as signedSchema,
} from '../../protocol/mandate.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { readOrNull, signatureFault } from './gate.ts'
import type { Parts } from './parts.ts'

/**
 * Codes made in advance, for when no control plane answers (UND7). The device holds their hashes only.
 *
 * INVARIANTS
 * - A grant counts when a trusted mandate key signed it for this very device and now is inside its time. It is used once.
 * - A try is counted, durably, before anything is waited for. So neither a restart nor tries side by side give more of them.
 */
export interface BreakGlass {
  /** Keeps a grant. Returns whether it is kept now. */
  grant(statement: Signed): boolean
  /** The grant this code belongs to, or why it is refused: `code_invalid`, `too_many_tries`. */
  check(code: string): Promise<{ readonly grantId: string } | Extract<Outcome, { status: 'refused' }>>
  /** Inside a commit: uses the grant up. RecourseError `code_invalid` when it was used in the meantime. */
  spend(grantId: string): void
}

const triesBeforeWaiting = 5
const waitMs = 15 * 60_000
const mostGrants = 256
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_048_576 }

export function createBreakGlass({
  deviceId,
  journal,
  clock,
  log,
}: Pick<Parts, 'deviceId' | 'journal' | 'clock' | 'log'>): BreakGlass {
  function validGrants(): BreakGlassGrant[] {
    const now = clock.nowMs()
    return journal.grants
      .unused()
      .map(({ body }) => breakGlassGrant.parse(decode(body)))
      .filter((grant) => grant.notBefore <= now && now < grant.expiresAt)
  }

  const refused = (code: 'code_invalid' | 'too_many_tries', detail: string) => {
    log.warn({ code }, 'a break-glass code was refused')
    return { status: 'refused' as const, code, detail, at: clock.nowMs() }
  }

  async function check(code: string): ReturnType<BreakGlass['check']> {
    const now = clock.nowMs()
    const tries = Number(journal.meta.get('break-glass-tries') ?? '0')
    const waitUntil = Number(journal.meta.get('break-glass-wait-until') ?? '0')
    // A clock that was set back does not make the wait longer than it was meant to be.
    if (now < waitUntil && waitUntil - now <= waitMs)
      return refused('too_many_tries', `wait until ${new Date(waitUntil).toISOString()}`)
    journal.commit('code-tried', () => {
      const spent = tries + 1 >= triesBeforeWaiting
      journal.meta.set('break-glass-tries', String(spent ? 0 : tries + 1))
      journal.meta.set('break-glass-wait-until', String(spent ? now + waitMs : 0))
    })
    const plain = code.replaceAll('-', '').trim().toUpperCase()
    let grantId: string | null = null
    for (const grant of validGrants())
      if (timingSafeEqual(await derive(grant, plain), grant.hash)) grantId = grant.grantId
    if (grantId === null) return refused('code_invalid', 'no code that is valid now and unused matches')
    journal.commit('code-tried', () => {
      journal.meta.set('break-glass-tries', '0')
      journal.meta.set('break-glass-wait-until', '0')
    })
    return { grantId }
  }

  return {
    grant(untrusted) {
      const given = signedSchema.safeParse(untrusted)
      if (!given.success) return false
      const { body, keyId } = given.data
      if (signatureFault(journal.keys.find(keyId), 'breakGlass', given.data) !== null) return false
      const read = breakGlassGrant.safeParse(readOrNull(body))
      const now = clock.nowMs()
      if (!read.success || read.data.deviceId !== deviceId || read.data.expiresAt <= now) return false
      const { grantId, expiresAt } = read.data
      const known = journal.grants.find(grantId)
      if (known !== null) return known.usedAt === null && Buffer.from(known.body).equals(body)
      if (journal.grants.unused().length >= mostGrants) return false
      journal.commit('granted', () => {
        journal.grants.forgetExpired(now)
        journal.grants.add(grantId, body, expiresAt)
      })
      return true
    },
    check,
    spend(grantId) {
      const grant = journal.grants.find(grantId)
      if (grant === null || grant.usedAt !== null) throw new RecourseError('code_invalid', 'the code was used')
      journal.grants.use(grantId, clock.nowMs())
    },
  }
}

function derive({ v, salt }: BreakGlassGrant, code: string): Promise<Buffer> {
  switch (v) {
    case 1:
      return derivedSlowly(code, salt)
    case 2:
      return Promise.resolve(createHash('sha256').update(breakGlassBytes(code, salt)).digest())
  }
}

const derivedSlowly = (code: string, salt: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(code, salt, 32, cost, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
