import { useState } from 'react'
import { useNow } from '../ui/clock.ts'
import { Icon } from '../ui/icon.tsx'
import { span } from '../ui/time.tsx'
import classes from './link-banner.module.css'
import { useLostSince } from './live.ts'

/** Says that what is on the screen may be old, since when, and that it mends itself. */
export const LinkBanner = () => {
  const lostSince = useLostSince()
  const now = useNow()
  const [wasLost, setWasLost] = useState(false)
  if (lostSince !== null && !wasLost) setWasLost(true)
  return (
    <div role="status" aria-live="polite">
      {lostSince === null ? null : (
        <div className={classes.banner}>
          <Icon name="warning" size={16} />
          <span>
            No connection to the control plane{now - lostSince > 60_000 ? ` for ${span(now - lostSince)}` : ''}. What
            you see may be old; it is renewed by itself as soon as the connection is back.
          </span>
        </div>
      )}
      {lostSince === null && wasLost ? <span className={classes.unseen}>The connection is back.</span> : null}
    </div>
  )
}
