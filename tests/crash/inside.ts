import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionName } from '../../protocol/actions/index.ts'
import type { Endpoint } from '../../protocol/actions/isolate-device.ts'
import type { ActionId, DeviceId, MandateId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import { idsFrom, shareToDo, shareToUndo, signerOf, signOrders } from '../kit/orders.ts'
import { type Life, type LifeReport, orderText } from './life.ts'
import type { CaseResult, Fault } from './matrix.ts'
import { type Scene, type SceneKind, sceneKinds } from './scenes.ts'

/**
 * Runs inside a disposable device: kills a real agent at every commit and every effect of every action and of its undo, starts it again,
 * gives it the same order again, and looks at the device (JRN2, JRN3). Prints one JSON line for each case.
 */
interface Ask {
  readonly victim: string
  /** Only scenes whose name begins so. */
  readonly only: string
  /** Take each n-th event only; 1 for all. */
  readonly stride: number
  readonly controlPlane: readonly Endpoint[]
  readonly canaries: readonly Endpoint[]
}

const ask = JSON.parse(process.argv[2] ?? '') as Ask
const signerSeed = 'crash matrix'
const signer = signerOf(signerSeed)
const ids = idsFrom(Date.now(), `crash ${process.pid}`)
const hourMs = 3_600_000
const root = '/var/lib/recourse-crash'
const started = join(root, 'started')
const deviceId = ids.next<DeviceId>()
mkdirSync(root, { recursive: true, mode: 0o700 })

const now = Date.now()
const decision = (kind: 'do' | 'undo', action: ActionName) => ({
  kind,
  action,
  mandateId: ids.next<MandateId>(),
  notBefore: now - 60_000,
  expiresAt: now + hourMs,
})
const only = (orders: readonly Order[]): Order => {
  const [order] = orders
  if (order === undefined) throw new Error('no order was made')
  return order
}

/** One life of the agent over a state folder; null when it died where it was told to. */
async function live(
  life: Omit<Life, 'diedAt' | 'answer' | 'signer' | 'controlPlane' | 'canaries'>,
): Promise<LifeReport | { readonly diedAt: string }> {
  const [diedAt, answer] = [join(life.state, 'died'), join(life.state, 'answer')]
  rmSync(diedAt, { force: true })
  rmSync(answer, { force: true })
  const whole: Life = {
    ...life,
    diedAt,
    answer,
    signer: signerSeed,
    controlPlane: ask.controlPlane,
    canaries: ask.canaries,
  }
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ask.victim, JSON.stringify(whole)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Hundreds of lives of one program: those that end by themselves leave what they compiled to the others.
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'compiled') },
  })
  let complaints = ''
  child.stderr.on('data', (chunk) => (complaints += String(chunk)))
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (...end) => resolve(end)),
  )
  if (signal === 'SIGKILL' && existsSync(diedAt)) return { diedAt: readFileSync(diedAt, 'utf8') }
  if (code !== 0) throw new Error(`the agent ended with ${code ?? signal}: ${complaints}`)
  return JSON.parse(readFileSync(answer, 'utf8')) as LifeReport
}

async function mustLive(life: Parameters<typeof live>[0]): Promise<LifeReport> {
  const report = await live(life)
  if ('diedAt' in report) throw new Error(`the agent died ${report.diedAt}, where it should live`)
  return report
}

/** A state folder for one case: empty, or as an earlier start has left it. */
function stateFolder({ name, firstStart }: SceneKind): string {
  const state = join(root, name.replaceAll(/[^a-z-]+/g, '-'))
  rmSync(state, { recursive: true, force: true })
  if (firstStart) mkdirSync(state, { mode: 0o700 })
  else execFileSync('/bin/cp', ['-a', started, state])
  return state
}

/** The result of one kill, or null when there are not that many events. */
async function trial(kindOf: SceneKind, kind: 'do' | 'undo', event: number): Promise<CaseResult | null> {
  const scene = await kindOf.make()
  const state = stateFolder(kindOf)
  try {
    return await hit(scene, state, kindOf, kind, event)
  } finally {
    await scene.end()
    rmSync(state, { recursive: true, force: true })
  }
}

async function hit(
  scene: Scene,
  state: string,
  kindOf: SceneKind,
  kind: 'do' | 'undo',
  event: number,
): Promise<CaseResult | null> {
  const [action, undoing] = [ids.next<ActionId>(), ids.next<ActionId>()]
  const life = (order: Order, killAt: number | null) => ({ state, deviceId, order: orderText(order), killAt })
  const look = () => scene.look(join(state, 'vault'))
  const prior = ids.next<ActionId>()
  if (scene.prior !== undefined) {
    const { action: named, params } = scene.prior
    await mustLive(life(only(signOrders(signer, decision('do', named), [shareToDo(prior, deviceId, params)])), null))
  }
  const doing = only(
    signOrders(signer, decision('do', kindOf.action), [shareToDo(action, deviceId, scene.params(prior))]),
  )
  const undo = () => only(signOrders(signer, decision('undo', kindOf.action), [shareToUndo(undoing, deviceId, action)]))
  const untouched = look()
  if (kind === 'undo') await mustLive(life(doing, null))
  const before = look()
  const order = kind === 'do' ? doing : undo()

  const died = await live(life(order, event))
  if (!('diedAt' in died)) return null
  const report = await mustLive(life(order, null))
  const id = kind === 'do' ? action : undoing
  const ends = report.reports.flatMap((it) => (it.kind === 'ended' && it.actionId === id ? [it.outcome] : []))
  const outcome = ends.at(-1)
  const after = look()
  const faults: Fault[] = []
  const fault = (name: Fault['kind'], what: string) => faults.push({ kind: name, what })

  if (outcome === undefined) fault('lost', 'no outcome')
  if (ends.length > 1) fault('doubled', `${ends.length} ends`)
  const succeeded = outcome?.status === 'succeeded'
  if (succeeded && after === before) fault('lost', 'said to be done, and as before')
  if (!succeeded && after !== before) fault('between', `${outcome?.status}, and not as before: ${after}`)
  if (kind === 'undo' && succeeded && after !== untouched) fault('between', `taken back, and not as it was: ${after}`)
  const standing = report.inForce.length
  const ofPrior = scene.prior !== undefined && (!succeeded || kindOf.action !== 'purge-quarantine') ? 1 : 0
  const expected = ofPrior + (kindOf.undoable && (kind === 'do') === succeeded ? 1 : 0)
  if (standing > expected) fault('doubled', `${standing} effects in force`)
  if (standing < expected) fault('lost', 'its effect is not known to be in force')
  if (kind === 'do' && succeeded && kindOf.undoable) {
    const back = await mustLive(life(undo(), null))
    const end = back.reports.findLast((it) => it.kind === 'ended' && it.actionId === undoing)
    if (end?.kind !== 'ended' || end.outcome.status !== 'succeeded')
      fault('lost', `cannot be taken back: ${JSON.stringify(end)}`)
    if (look() !== untouched) fault('lost', `taken back, and not as it was: ${look()}`)
  }
  return {
    scene: kindOf.name,
    action: kindOf.action,
    kind,
    event,
    at: died.diedAt,
    status: outcome?.status ?? 'unknown',
    faults,
  }
}

mkdirSync(started, { mode: 0o700 })
await mustLive({ state: started, deviceId, order: null, killAt: null })

/** All kills of one scene, one after the other. */
async function killThrough(kindOf: SceneKind): Promise<void> {
  for (const kind of kindOf.undoable ? (['do', 'undo'] as const) : (['do'] as const)) {
    for (let event = 1; ; event += ask.stride) {
      const result = await trial(kindOf, kind, event)
      if (result === null) break
      process.stdout.write(`${JSON.stringify(result)}\n`)
    }
  }
}

// Scenes do not meet: each has its own folders, processes and state. Two at a time keep two cores busy.
const waiting = sceneKinds.filter(({ name }) => name.startsWith(ask.only))
const worker = async () => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await killThrough(next)
}
await Promise.all([worker(), worker()])
process.exit(0)
