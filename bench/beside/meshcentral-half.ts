import { type ChildProcess, execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { median } from '../row.ts'
import { type Contender, end, eventually, launch, memoryOf } from './contender.ts'

/** The one that was looked at; a newer one may start in another way. */
const wanted = 'meshcentral@1.1.55'
const [port, agentPort] = [18_443, 18_444]
const [user, password] = ['admin', 'only for measuring 1']
const answerMs = 120_000
/** What a command prints, so that its end is known. */
const said = 'done beside'

const spoken = z.looseObject({ action: z.string() })
const devices = z.looseObject({
  nodes: z.record(z.string(), z.array(z.looseObject({ _id: z.string(), conn: z.number().optional() }))),
})
type Spoken = z.infer<typeof spoken>

/** The way a person's browser speaks to MeshCentral. */
function openControl(): Promise<WebSocket> {
  const auth = [user, password].map((it) => Buffer.from(it).toString('base64')).join(',')
  const socket = new WebSocket(`wss://127.0.0.1:${port}/control.ashx`, {
    rejectUnauthorized: false,
    headers: { 'x-meshauth': auth },
  })
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Rejects when no such answer comes. */
function ask(socket: WebSocket, question: object, isAnswer: (answer: Spoken) => boolean): Promise<Spoken> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer)
      socket.off('message', listen)
    }
    const timer = setTimeout(() => {
      done()
      reject(new Error('no answer'))
    }, answerMs)
    const listen = (frame: Buffer) => {
      const answer = spoken.safeParse(JSON.parse(frame.toString()))
      if (!answer.success || !isAnswer(answer.data)) return
      done()
      resolve(answer.data)
    }
    socket.on('message', listen)
    socket.send(JSON.stringify(question))
  })
}

async function connectedIds(socket: WebSocket): Promise<string[]> {
  const answer = devices.parse(await ask(socket, { action: 'nodes' }, ({ action }) => action === 'nodes'))
  return Object.values(answer.nodes)
    .flat()
    .flatMap(({ _id, conn }) => (((conn ?? 0) & 1) === 1 ? [_id] : []))
}

const allConnected = (socket: WebSocket, count: number): Promise<string[]> =>
  eventually('that all agents of MeshCentral connect', async () => {
    const ids = await connectedIds(socket)
    if (ids.length < count) throw new Error(`${ids.length} of ${count}`)
    return ids
  })

/** Installs it from the package registry into the folder, unless `installed` is a folder where it is already, and starts it. */
export async function openMeshCentral(folder: string, installed: string | null): Promise<Contender> {
  mkdirSync(folder)
  if (installed === null) {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    execFileSync('npm', ['install', wanted, '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' })
  }
  const place = join(installed ?? folder, 'node_modules/meshcentral')
  const program = join(place, 'meshcentral.js')
  const binary = join(place, 'agents/meshagent_x86-64')
  if (!existsSync(binary)) throw new Error('the package holds no agent for this platform')
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')))
  const kept = join(folder, 'meshcentral-data')
  mkdirSync(kept)
  const settings = { cert: '127.0.0.1', port, aliasPort: port, agentPort, redirPort: 0, mpsPort: 0, WANonly: true }
  const config = {
    settings: { ...settings, exactPorts: true, selfUpdate: false },
    domains: { '': { newAccounts: false } },
  }
  writeFileSync(join(kept, 'config.json'), JSON.stringify(config))
  const args = [program, '--datapath', kept]
  const run = (...more: string[]) =>
    execFileSync(process.execPath, [...args, ...more], { cwd: folder, stdio: 'ignore' })
  run('--createaccount', user, '--pass', password)
  run('--adminaccount', user)
  let server = launch(process.execPath, args, folder)
  const agents: ChildProcess[] = []
  const stop = async () => {
    for (const child of [...agents, server]) end(child)
  }
  try {
    let control = await eventually('that MeshCentral listens', openControl)
    const wish = { action: 'createmesh', meshname: 'bench', meshtype: 2, responseid: 'made' }
    const made = await ask(control, wish, ({ responseid }) => responseid === 'made')
    const mesh = z.string().parse(made['meshid']).replace('mesh//', '')
    const msh = await settingsOf(mesh)
    return {
      name: 'MeshCentral',
      version,
      async grow(count) {
        while (agents.length < count) {
          const home = join(folder, `agent-${agents.length}`)
          mkdirSync(home)
          copyFileSync(binary, join(home, 'meshagent'))
          chmodSync(join(home, 'meshagent'), 0o700)
          writeFileSync(join(home, 'meshagent.msh'), msh)
          agents.push(launch(join(home, 'meshagent'), ['connect'], home))
        }
        await allConnected(control, count)
      },
      serverMemory: () => memoryOf(server.pid ?? 0),
      agentMemory: () => median(agents.map(({ pid }) => memoryOf(pid ?? 0))),
      async command() {
        const ids = await allConnected(control, agents.length)
        const waiting = new Set(ids)
        const begun = performance.now()
        await ask(
          control,
          { action: 'runcommands', nodeids: ids, type: 0, cmds: `echo ${said}`, responseid: 'ran', reply: true },
          ({ nodeid, result, responseid }) => {
            // Its first answer only says that the command was passed on.
            const isDone = responseid === 'ran' && typeof result === 'string' && result.includes(said)
            if (isDone && typeof nodeid === 'string') waiting.delete(nodeid)
            return waiting.size === 0
          },
        )
        return performance.now() - begun
      },
      async restart() {
        control.terminate()
        end(server)
        const killed = performance.now()
        server = launch(process.execPath, args, folder)
        control = await eventually('that MeshCentral listens again', openControl)
        const upMs = performance.now() - killed
        await allConnected(control, agents.length)
        return { upMs, backMs: performance.now() - killed }
      },
      stop,
    }
  } catch (failure) {
    await stop()
    throw failure
  }
}

/** What an agent of this mesh is given. The certificate is one that the server made for itself just now. */
function settingsOf(mesh: string): Promise<string> {
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  return fetch(`https://127.0.0.1:${port}/meshsettings?id=${mesh}`)
    .then((answer) => answer.text())
    .finally(() => {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
    })
}
