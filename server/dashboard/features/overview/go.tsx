import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'

export type Target = {
  readonly view: 'pending' | 'history' | 'in-force'
  readonly search?: Readonly<Record<string, string>>
}

/** The way to the list behind a number. */
export const Go = ({
  to,
  children,
  className,
}: {
  to: Target
  children: ReactNode
  className?: string | undefined
}) => (
  <Link to="/actions/$view" params={{ view: to.view }} search={(to.search ?? {}) as never} className={className}>
    {children}
  </Link>
)
