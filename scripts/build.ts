// Bundles the agent into dist/agent: `npm run build`. One file of code, and beside it koffi's native part for this platform.

import { join } from 'node:path'
import { bundleAgent } from './bundle.ts'

const root = join(import.meta.dirname, '..')
const began = Date.now()
const { files } = await bundleAgent({ entry: join(root, 'agent/main.ts'), outputFolder: join(root, 'dist/agent') })
for (const { path, bytes } of files) process.stdout.write(`${path}  ${Math.round(bytes / 1024)} KiB\n`)
process.stdout.write(`built in ${Date.now() - began} ms\n`)
