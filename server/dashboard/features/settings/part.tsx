import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useMay } from '../../app/session.ts'
import { toast } from '../../ui/toast.tsx'
import classes from './part.module.css'
import { lockWords } from './permission-words.ts'

/** One subject of a settings page. */
export const Card = ({
  title,
  about,
  action,
  children,
}: {
  title: ReactNode
  about?: ReactNode
  /** A button beside the title. */
  action?: ReactNode
  children?: ReactNode
}) => (
  <section className={classes.card}>
    <div className={classes.head}>
      <div>
        <h2>{title}</h2>
        {about === undefined ? null : <p className={classes.about}>{about}</p>}
      </div>
      {action}
    </div>
    {children}
  </section>
)

/** Why this person can only look; null when they may change it. */
export const useLock = (permission: string): string | null => (useMay()(permission) ? null : lockWords(permission))

/** Something done to one row at once: the list is read again, and a corner says how it went. */
export function useDeed<Row, Answer>(
  run: (row: Row) => Promise<Answer>,
  key: readonly string[],
  said: (row: Row) => string,
) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: run,
    onSuccess: (_, row) => toast({ message: said(row) }),
    onError: (error) => toast({ error }),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  })
}
