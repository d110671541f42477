import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { enrol } from '../../agent/link/enrol.ts'
import { agentVersion } from '../../agent/version.ts'
import { type ActionId, type DeviceId, deviceId } from '../../protocol/ids.ts'
import { hasEnded } from '../../protocol/status.ts'
import { bundleAgent } from '../../scripts/bundle.ts'
import { startControlPlane } from '../../simulator/fleet/control-plane.ts'
import { headersOf, openOperator, setUpPeople } from '../../simulator/fleet/operator.ts'
import { lightFacts } from '../enrolled.ts'
import { median } from '../row.ts'
import { type Contender, end, eventually, launch, memoryOf } from './contender.ts'

const list = z.object({ devices: z.array(z.object({ id: deviceId, connected: z.boolean() })) })
const mostAgents = 200

/** Starts a control plane; its agents are the shipped one, bundled, each with a state folder of its own. */
export async function openRecourse(folder: string): Promise<Contender> {
  mkdirSync(folder)
  const files = join(folder, 'files')
  mkdirSync(files)
  await bundleAgent({
    entry: join(import.meta.dirname, '../../agent/main.ts'),
    outputFolder: join(folder, 'program'),
  })
  const plane = await startControlPlane()
  const agents: { readonly id: DeviceId; readonly child: ChildProcess }[] = []
  const stop = async () => {
    for (const { child } of agents) end(child)
    await plane.own.dispose()
  }
  try {
    if (plane.setUpUrl === null) throw new Error('a new control plane gave no set-up link')
    const people = await setUpPeople(plane.url, plane.setUpUrl)
    const operator = openOperator(plane.url, people)
    const token = await operator.enrolmentToken(mostAgents)
    const connected = async (): Promise<number> => {
      const headers = { 'recourse-client': 'bench', ...(await headersOf(people.deciding)) }
      const answer = await fetch(`${plane.url}/v1/devices?limit=${mostAgents}`, { headers })
      return list.parse(await answer.json()).devices.filter((it) => it.connected).length
    }
    const allConnected = () =>
      eventually('that all agents of Recourse connect', async () => {
        const count = await connected()
        if (count < agents.length) throw new Error(`${count} of ${agents.length}`)
      })
    let rounds = 0
    let ended: (id: ActionId) => void = () => undefined
    // Opened long before the first action, so that the end of none goes by unheard.
    const watching = operator.watch(({ id, status }) => {
      if (hasEnded(status)) ended(id)
    })
    return {
      name: 'Recourse',
      version: agentVersion,
      async grow(count) {
        while (agents.length < count) {
          const state = join(folder, `agent-${agents.length}`)
          mkdirSync(state, { mode: 0o700 })
          // One address has so many tries and then one a second.
          const { identity } = await eventually('that an agent enrols', () =>
            enrol({ folder: state, ...plane.enrolAt, host: 'localhost', token, facts: lightFacts }),
          )
          const own = ['run', '--state', state, '--policy', join(folder, 'no-policy.json')]
          const child = launch(process.execPath, [join(folder, 'program/recourse-agent.cjs'), ...own], state)
          agents.push({ id: identity.deviceId, child })
        }
        await allConnected()
      },
      serverMemory: () => memoryOf(plane.own.pid() ?? 0),
      agentMemory: () => median(agents.map(({ child }) => memoryOf(child.pid ?? 0))),
      async command() {
        const round = ++rounds
        const targets = agents.map(({ id }, at) => {
          const path = join(files, `${round}-${at}`)
          const content = `a small file, ${round} of agent ${at}`
          writeFileSync(path, content)
          return { devices: [id], params: { path, sha256: createHash('sha256').update(content).digest('hex') } }
        })
        const asked = await operator.request({ action: 'quarantine-file', targets, comment: 'beside' })
        const waiting = new Set(asked.map(({ id }) => id))
        const allEnded = Promise.withResolvers<void>()
        ended = (id) => {
          if (waiting.delete(id) && waiting.size === 0) allEnded.resolve()
        }
        const begun = performance.now()
        await operator.approve(asked, 'beside')
        await allEnded.promise
        const ms = performance.now() - begun
        const ids = new Set<string>(asked.map(({ id }) => id))
        const ends = (await operator.actions({ action: 'quarantine-file' })).filter(({ id }) => ids.has(id))
        const failed = ends.find(({ status }) => status !== 'succeeded')
        if (failed !== undefined) throw new Error(`an action ended as ${JSON.stringify(failed.outcome)}`)
        return ms
      },
      async restart() {
        await plane.own.kill()
        const killed = performance.now()
        await plane.own.start()
        await eventually('that Recourse answers again', async () => {
          if (!(await operator.ready())) throw new Error('not ready')
        })
        const upMs = performance.now() - killed
        await allConnected()
        return { upMs, backMs: performance.now() - killed }
      },
      async stop() {
        watching[Symbol.dispose]()
        await stop()
      },
    }
  } catch (failure) {
    await stop()
    throw failure
  }
}
