import { spotlight } from '@mantine/spotlight'

/** Opens or closes the command palette from anywhere. */
export const togglePalette = (): void => spotlight.toggle()
