// Runs in a thread of its own; see checkpoints.ts. Told the file, it opens it once, and copies whenever it is asked.

import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import * as z from 'zod'

const database = new DatabaseSync(z.string().parse(workerData), { timeout: 0 })
// What is copied into the database must be on the disk before the log may begin anew.
database.exec('PRAGMA synchronous = FULL')
const checkpoint = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')

parentPort?.on('message', (asked: 'checkpoint' | 'close') => {
  if (asked === 'close') {
    // The last one to close the database takes the log away.
    database.close()
    parentPort?.close()
    return
  }
  const found = checkpoint.get() ?? {}
  parentPort?.postMessage({ frames: Number(found['log'] ?? 0), copied: Number(found['checkpointed'] ?? 0) })
})
