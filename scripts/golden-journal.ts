import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { journalVersion } from '../agent/core/journal-schema.ts'
import { goldenRig, liveGoldenStory } from '../tests/kit/golden-story.ts'

// Keeps the journal of today's agent for the agents to come (JRN7). Run once for each new version of the journal; a file that is
// there already is what devices in the field have, and is not written again.

const folder = join(import.meta.dirname, '..', 'agent', 'core', 'golden')
const name = `journal-v${journalVersion}`
const file = join(folder, `${name}.db`)
if (existsSync(file)) throw new Error(`${file} is there already`)
mkdirSync(folder, { recursive: true })
const rig = goldenRig()
try {
  const story = await liveGoldenStory(rig)
  copyFileSync(rig.journalPath, file)
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(story, null, 2)}\n`)
  console.log(`${file} is written`)
} finally {
  await rig.dispose()
}
