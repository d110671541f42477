import type { ReactNode } from 'react'
import classes from './door.module.css'

/** The frame of the pages before the sign-in. */
export const Door = ({ title, children }: { title: string; children: ReactNode }) => (
  <main className={classes.door}>
    <div className={classes.panel}>
      <div className={classes.head}>
        <img src="/favicon.svg" width={34} height={34} alt="" />
        <span>Recourse</span>
      </div>
      <h1>{title}</h1>
      {children}
    </div>
  </main>
)
