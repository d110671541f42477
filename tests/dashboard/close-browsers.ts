import { afterAll } from 'vitest'
import { closeBrowsers } from './browser.ts'

// After the last test of each file.
afterAll(closeBrowsers)
