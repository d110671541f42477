import type { ReactNode } from 'react'
import classes from './page-head.module.css'

/** Title of a page, one line about it, and what one can do here. */
export const PageHead = ({ title, about, children }: { title: ReactNode; about?: ReactNode; children?: ReactNode }) => (
  <header className={classes.head}>
    <div className={classes.words}>
      <h1>{title}</h1>
      {about === undefined ? null : <p>{about}</p>}
    </div>
    {children === undefined ? null : <div className={classes.actions}>{children}</div>}
  </header>
)
