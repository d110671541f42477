// `npm run build`: the agent into dist/agent, one file of code and beside it koffi's native part for this platform; the dashboard into
// dist/dashboard.

import { join } from 'node:path'
import { buildDashboard, dashboardFolder } from './build-dashboard.ts'
import { bundleAgent } from './bundle.ts'

const root = join(import.meta.dirname, '..')
const began = Date.now()
const { files } = await bundleAgent({ entry: join(root, 'agent/main.ts'), outputFolder: join(root, 'dist/agent') })
for (const { path, bytes } of files) process.stdout.write(`${path}  ${Math.round(bytes / 1024)} KiB\n`)
const { built } = await buildDashboard()
process.stdout.write(`${dashboardFolder}  ${built ? 'built' : 'as it was, nothing changed'}\n`)
process.stdout.write(`built in ${Date.now() - began} ms\n`)
