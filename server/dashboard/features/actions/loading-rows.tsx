import { Skeleton } from '@mantine/core'
import classes from './loading-rows.module.css'

const widths = [62, 48, 71, 55, 66, 43, 58, 69, 51, 60]

/** The shape of a list that is being read, so that nothing jumps when it comes. */
export const LoadingRows = () => (
  <div className={classes.rows} role="status" aria-label="Loading">
    {widths.map((width) => (
      <div key={width} className={classes.row}>
        <Skeleton height={12} width={`${width}%`} radius="sm" />
      </div>
    ))}
  </div>
)
