import { Button } from '@mantine/core'
import { useState } from 'react'
import { get } from '../../app/api.ts'
import { sentenceFor } from '../../app/problem.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import classes from './audit.module.css'
import { type ChainReport, linesOf, verifyChain } from './verify-chain.ts'

type Checking =
  | { readonly state: 'idle' }
  | { readonly state: 'busy'; readonly entries: number }
  | { readonly state: 'done'; readonly report: ChainReport }
  | { readonly state: 'failed'; readonly error: unknown }

/** Checks the whole chain here, in this browser, with this browser's own cryptography. */
export const ChainCheck = () => {
  const [checking, setChecking] = useState<Checking>({ state: 'idle' })
  const check = async () => {
    setChecking({ state: 'busy', entries: 0 })
    try {
      const { publicKey } = await get<{ publicKey: string }>('/v1/audit/key')
      const response = await fetch('/v1/audit/export?format=jsonl', { headers: { accept: 'application/jsonl' } })
      if (!response.ok || response.body === null) throw new Error(`the export answered ${response.status}`)
      const report = await verifyChain(linesOf(response.body), publicKey, (entries) =>
        setChecking({ state: 'busy', entries }),
      )
      setChecking({ state: 'done', report })
    } catch (error) {
      setChecking({ state: 'failed', error })
    }
  }
  const good = checking.state === 'done' && checking.report.ok
  const bad = checking.state === 'done' && !checking.report.ok
  return (
    <section
      className={classes.chain}
      data-good={good || undefined}
      data-bad={bad || undefined}
      aria-label="State of the chain"
    >
      <Icon name={good ? 'good' : bad ? 'bad' : 'audit'} size={22} />
      <div className={classes.words} role="status">
        <ChainWords checking={checking} />
      </div>
      <Button
        size="xs"
        variant={checking.state === 'done' ? 'default' : 'filled'}
        loading={checking.state === 'busy'}
        onClick={() => void check()}
      >
        {checking.state === 'done' ? 'Verify again' : 'Verify in this browser'}
      </Button>
    </section>
  )
}

const ChainWords = ({ checking }: { checking: Checking }) => {
  switch (checking.state) {
    case 'idle':
      return (
        <>
          <strong>The chain has not been verified here yet.</strong>
          <span>
            Your browser reads the whole export and checks every hash and signature itself. The export is an entry of
            its own.
          </span>
        </>
      )
    case 'busy':
      return (
        <strong>
          Verifying … {checking.entries === 0 ? '' : `${checking.entries.toLocaleString()} entries so far`}
        </strong>
      )
    case 'failed':
      return (
        <>
          <strong>The chain could not be verified.</strong>
          <span>
            {sentenceFor(checking.error)} A browser that knows no Ed25519 cannot verify; use recourse audit verify.
          </span>
        </>
      )
    case 'done': {
      const { report } = checking
      return report.ok ? (
        <>
          <strong>
            Whole and unchanged: {report.entries.toLocaleString()} entries, {report.checkpoints.toLocaleString()} signed
            checkpoints.
          </strong>
          <span>
            Note entry {report.last?.sequence} <code>{report.last?.hash.slice(0, 16)}…</code> and key{' '}
            <code>{report.keyId}</code> somewhere else: a chain that was cut short and closed anew would no longer hold
            them.
          </span>
        </>
      ) : (
        <>
          <strong>
            Line {report.fault?.line} of the export {visible(report.fault?.what ?? '')}.
          </strong>
          <span>
            The {report.entries.toLocaleString()} entries before it hold. Keep the export, and do not trust what
            follows.
          </span>
        </>
      )
    }
  }
}
