import type { Device } from './queries.ts'

/** What an administrator does with the device itself; it comes with the routes for it. */
export const DeviceCare = (_: { device: Device }) => null
