import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { registry } from '../../agent/actions/index.ts'
import type { Core } from '../../agent/core/core.ts'
import { createCore } from '../../agent/core/create-core.ts'
import { withFaults } from '../../agent/host/faults.ts'
import { thisHost } from '../../agent/this-host.ts'
import { openVault } from '../../agent/vault/open-vault.ts'
import { filePath } from '../../protocol/file-path.ts'
import type { Order } from '../../protocol/mandate.ts'
import { signerOf } from '../kit/orders.ts'
import { type Life, type LifeReport, orderFrom } from './life.ts'
import { arrivals } from './scenes.ts'

/**
 * One life of the agent, without its link: recovers, is given an order twice, and says what came of it. At the event asked for, counted from 1 over
 * commits and effects alike, it kills itself with SIGKILL, as a power cut of the process would.
 */
const life = JSON.parse(process.argv[2] ?? '') as Life

let events = 0
const stopAt = (phase: 'before' | 'after', name: string): void => {
  if (++events !== life.killAt) return
  writeFileSync(life.diedAt, `${phase} ${name}`)
  process.kill(process.pid, 'SIGKILL')
}

/** The bundle is CommonJS, which cannot wait at its top. */
async function main(): Promise<void> {
  const vaultFolder = join(life.state, 'vault')
  const host = withFaults(
    await thisHost({ state: life.state, vault: vaultFolder, policy: join(life.state, 'policy.json') }),
    stopAt,
  )
  const vault = await openVault({ host, folder: filePath.parse(vaultFolder), random: randomBytes })
  const signer = signerOf(life.signer)
  const core = createCore({
    deviceId: life.deviceId,
    host,
    registry,
    vault,
    journalPath: join(life.state, 'journal.db'),
    keys: [{ keyId: signer.keyId, publicKey: signer.publicKey, recovery: false }],
    policyPath: null,
    bounds: () => ({ controlPlane: life.controlPlane, canaries: life.canaries }),
    log: {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (details, text) => process.stderr.write(`${text} ${JSON.stringify(details)}\n`),
    },
    onCommit: stopAt,
  })
  await core.start()
  core.handing.connected(controlPlane(core))
  const order: Order | null = life.order === null ? null : orderFrom(life.order)
  for (let time = 0; order !== null && time < 2; time++) {
    await core.order(order)
    await core.settled()
  }
  const report: LifeReport = {
    events,
    reports: core.outbox.after(0, 10_000).map((it) => it.report),
    inForce: core.inForce(),
  }
  await core.stop()
  vault.close()
  writeFileSync(life.answer, JSON.stringify(report))
  process.exit(0)
}

/** Takes every piece into a file and looks at nothing; what it has is there again in the next life. */
const controlPlane =
  (core: Core): Parameters<Core['handing']['connected']>[0] =>
  ({ actionId, sizeBytes, offset, bytes }) => {
    const place = join(arrivals, actionId)
    const have = () => (existsSync(place) ? statSync(place).size : 0)
    if (bytes.length > 0 && offset === have()) {
      stopAt('before', 'arrive')
      appendFileSync(place, bytes)
      stopAt('after', 'arrive')
    }
    const upTo = have()
    queueMicrotask(() =>
      core.handing.answered({ type: 'content-taken', actionId, upTo, whole: upTo === sizeBytes && sizeBytes > 0 }),
    )
    return true
  }

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
