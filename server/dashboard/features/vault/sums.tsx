import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { toast } from '../../ui/toast.tsx'
import { plural } from '../actions/words.ts'
import type { Change, VaultDeed } from './list-props.ts'
import type { VaultSearch } from './search.ts'
import classes from './vault.module.css'
import { bytesWords, readItems, sumsQuery, type VaultItem } from './vault.ts'

const most = 1_000

/** How much there is and where most of it lies; and, where a filter narrows it, all of it at once. */
export const Sums = ({
  search,
  change,
  act,
}: {
  search: VaultSearch
  change: Change
  act: (deed: VaultDeed, items: readonly VaultItem[]) => void
}) => {
  const { data } = useQuery(sumsQuery(search))
  const [finding, setFinding] = useState<VaultDeed | null>(null)
  const stop = useRef(new AbortController())
  useEffect(() => () => stop.current.abort(), [])
  const isNow = (search.state ?? 'in-vault') === 'in-vault'
  const isNarrowed =
    search.q !== undefined || search.age !== undefined || search.sha256 !== undefined || search.device !== undefined
  /** Names all that match now, so that what was counted is what is asked for. */
  const all = async (deed: VaultDeed) => {
    stop.current = new AbortController()
    setFinding(deed)
    try {
      const items: VaultItem[] = []
      for (let cursor: string | null = null, more = true; more && items.length < most; ) {
        const page: Awaited<ReturnType<typeof readItems>> = await readItems(search, cursor, stop.current.signal)
        items.push(...page.items)
        cursor = page.next
        more = cursor !== null
      }
      act(deed, items)
    } catch (error) {
      if (!stop.current.signal.aborted) toast({ error })
    } finally {
      setFinding(null)
    }
  }
  if (data === undefined || data.items === 0) return null
  const crowded = data.byDevice.filter(({ items }) => items > 1)
  const first = data.items > most ? `the newest ${most.toLocaleString()}` : `all ${data.items.toLocaleString()}`
  return (
    <div className={classes.sums}>
      <span role="status">
        <strong>{plural(data.items, 'file')}</strong> on {plural(data.devices, 'device')},{' '}
        {plural(data.contents, 'content')}
        {data.bytes === 0 ? '' : `, ${bytesWords(data.bytes)}`}
        {data.unmeasured === 0 || data.bytes === 0 ? '' : ` and ${data.unmeasured.toLocaleString()} of unknown size`}
      </span>
      {data.byDevice.length < 2 || search.device !== undefined || crowded.length === 0 ? null : (
        <span className={classes.most}>
          {crowded.slice(0, 4).map(({ device, items, bytes }) => (
            <button key={device.id} type="button" onClick={() => change({ device: device.id })}>
              {visible(device.name)}: {items.toLocaleString()}
              {bytes === 0 ? '' : `, ${bytesWords(bytes)}`}
            </button>
          ))}
        </span>
      )}
      {isNow && isNarrowed && data.items > 1 ? (
        <span className={classes.all}>
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<Icon name="undo" size={14} />}
            loading={finding === 'restore'}
            onClick={() => void all('restore')}
          >
            Restore {first}
          </Button>
          <Button size="compact-sm" variant="default" loading={finding === 'purge'} onClick={() => void all('purge')}>
            Purge {first}
          </Button>
        </span>
      ) : null}
    </div>
  )
}
