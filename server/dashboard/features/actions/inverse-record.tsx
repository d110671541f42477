import * as z from 'zod'
import { specOf } from '../../../../protocol/actions/index.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import type { Action } from './action.ts'
import classes from './flyout.module.css'

/** What the fields of an inverse record hold, for people. A field without words here is named as it is. */
const fieldWords: Readonly<Record<string, string>> = {
  path: 'the path it lay under',
  directory: 'which directory held it, so that it goes back into that one and no other',
  file: 'which file of the disk it was',
  sha256: 'the SHA-256 of its bytes',
  sizeBytes: 'its size',
  metadata: 'its owner, group, mode, times to the nanosecond, attributes, access lists, capabilities and flags',
  ranges: 'which runs of a sparse file were stored',
  links: 'how many names it had',
  item: 'where its bytes lie in the vault',
  reachable: 'the addresses of the control plane that stay reachable',
  canaries: 'what answered before and must not answer while it holds',
  foundTable: 'the firewall table that was found under the same name',
  processes: 'the processes that were running, each by number, start time and boot',
  alreadySuspended: 'the processes that stood still before and are left so',
}

/** What the device wrote down before it touched anything, and what of it cannot be put back. */
export const InverseRecord = ({ row }: { row: Action }) => {
  const { undo } = specOf(row.action)
  if (!('inverse' in undo)) return null
  const fields = undo.inverse instanceof z.ZodObject ? Object.keys(undo.inverse.shape).filter((it) => it !== 'v') : []
  const gaps = row.outcome?.status === 'succeeded' ? row.outcome.gaps : []
  const known = knownOf(row)
  return (
    <details className={classes.record}>
      <summary>What the device wrote down first</summary>
      <ul className={classes.list}>
        {fields.map((it) => (
          <li key={it}>
            <span className={classes.good}>
              <Icon name="check" size={15} />
            </span>
            <span>
              {fieldWords[it] ?? it}
              {known[it] === undefined ? null : (
                <>
                  : <bdi className={classes.quiet}>{visible(known[it])}</bdi>
                </>
              )}
            </span>
          </li>
        ))}
        {gaps.map((it) => (
          <li key={`gap ${it.what}`}>
            <span className={classes.warn}>
              <Icon name="warning" size={15} />
            </span>
            <span>
              Cannot be put back: <strong>{visible(it.what)}</strong>, {visible(it.why)}
            </span>
          </li>
        ))}
      </ul>
      <p className={classes.quiet}>
        The record itself stays on {visible(row.device.name)}; its values are read there when it is asked what it would
        put back.
      </p>
    </details>
  )
}

/** What of the record the control plane knows too, because the order named it. */
const knownOf = ({ params }: Action): Readonly<Record<string, string>> =>
  Object.fromEntries(
    ['path', 'sha256'].flatMap((it) => {
      const value = params[it]
      return typeof value === 'string' ? [[it, value]] : []
    }),
  )
