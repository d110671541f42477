import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { send } from '../../app/api.ts'
import { sentenceFor } from '../../app/problem.ts'
import { visible } from '../../ui/plain-text.tsx'
import { plural } from '../actions/words.ts'
import type { MatchPreview, RuleRow } from './group.ts'
import classes from './groups.module.css'

const pauseMs = 350

/** Which devices the rule would match, asked of the server while one types. It has its room from the beginning. */
export const Matches = ({ rule, group }: { rule: readonly RuleRow[]; group: string | null }) => {
  const text = JSON.stringify(rule)
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), pauseMs)
    return () => window.clearTimeout(timer)
  }, [text])
  const { data, error } = useQuery({
    queryKey: ['group', 'preview', settled, group],
    queryFn: () =>
      send<MatchPreview>('POST', '/v1/groups/preview', {
        rule: JSON.parse(settled) as RuleRow[],
        ...(group === null ? {} : { group }),
      }),
    enabled: settled !== '[]',
    placeholderData: (before) => before,
    retry: false,
  })
  const others = data === undefined ? 0 : data.matches - data.joins
  return (
    <div className={classes.preview} aria-live="polite">
      {settled === '[]' ? (
        <span>A rule without a value matches nothing; it never means all.</span>
      ) : error !== null ? (
        <span>{sentenceFor(error)}</span>
      ) : data === undefined ? (
        <span>Looking …</span>
      ) : (
        <>
          <strong>
            {plural(data.joins, 'device')} would belong to it
            {others > 0 ? `; ${others} more match, but a group above takes them` : ''}
          </strong>
          <span>
            {data.devices.map((it) => visible(it.name)).join(', ')}
            {data.matches > data.devices.length ? ', …' : ''}
          </span>
        </>
      )}
    </div>
  )
}
