import type { ReactNode } from 'react'
import classes from './page-head.module.css'

/** Title of a page, one line about it, and what one can do here. */
export const PageHead = ({
  title,
  about,
  keepAbout = false,
  children,
}: {
  title: ReactNode
  about?: ReactNode
  /** It says how things stand, not what the page is for: a phone shows it too. */
  keepAbout?: boolean
  children?: ReactNode
}) => (
  <header className={classes.head}>
    <div className={classes.words}>
      <h1>{title}</h1>
      {about === undefined ? null : <p className={keepAbout ? undefined : classes.about}>{about}</p>}
    </div>
    {children === undefined ? null : <div className={classes.actions}>{children}</div>}
  </header>
)
