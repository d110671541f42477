import { Link } from '@tanstack/react-router'
import classes from './overview.module.css'

interface Part {
  readonly name: string
  readonly count: number
  readonly tone: 'good' | 'bad' | 'refused' | 'odd' | 'rest'
  /** The status whose list stands behind the number. */
  readonly to?: string
  /** The devices of this filter stand behind it. */
  readonly devices?: 'connected' | 'absent'
}

/** Shares of a whole: a bar to look at, and the numbers beside it, each the way to its list. */
export const ShareBar = ({ label, parts }: { label: string; parts: readonly Part[] }) => {
  const shown = parts.filter((it) => it.count > 0)
  return (
    <>
      <div
        className={classes.share}
        role="img"
        aria-label={`${label}: ${shown.map((it) => `${it.count} ${it.name.toLowerCase()}`).join(', ')}`}
      >
        {shown.map((it) => (
          <span key={it.name} data-fill={it.tone} style={{ flexGrow: it.count }} />
        ))}
      </div>
      <ul className={classes.counts}>
        {shown.map((it) => (
          <li key={it.name}>
            <i data-fill={it.tone} />
            <span>{it.name}</span>
            {it.devices !== undefined ? (
              <Link to="/devices" search={{ show: it.devices }}>
                {it.count.toLocaleString()}
              </Link>
            ) : (
              <Link to="/actions/$view" params={{ view: 'history' }} search={{ status: it.to } as never}>
                {it.count.toLocaleString()}
              </Link>
            )}
          </li>
        ))}
      </ul>
    </>
  )
}
