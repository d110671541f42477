import classes from './simulated-mark.module.css'

/** Stands beside the name of a device that is not one: it belongs to the simulator. */
export const SimulatedMark = () => (
  <span className={classes.mark} title="Not a real device: it belongs to the simulator">
    simulated
  </span>
)
