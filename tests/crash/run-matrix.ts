import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundleAgent } from '../../scripts/bundle.ts'
import { type Addresses, startDevice } from '../device/linux-device.ts'
import type { CaseResult } from './matrix.ts'

export interface MatrixOptions {
  /** Only scenes whose name begins so; empty for all. */
  readonly only: string
  /** Take each n-th event only; 1 for all. */
  readonly stride: number
  seen(result: CaseResult): void
}

const project = join(import.meta.dirname, '../..')

/** Boots a disposable device and kills the agent in it, over and over. Rejects when the matrix could not be run to its end. */
export async function runMatrix({ only, stride, seen }: MatrixOptions): Promise<CaseResult[]> {
  // Not below /tmp, which a device has of its own.
  const outputFolder = join(project, 'dist/crash')
  await bundleAgent({ entry: join(import.meta.dirname, 'victim.ts'), outputFolder })
  await using device = await startDevice({ name: 'crash' })
  const controlPlane = await listen(device.server)
  const canary = await listen(device.server)
  try {
    const ask = {
      victim: join(outputFolder, 'recourse-agent.cjs'),
      only,
      stride,
      controlPlane: controlPlane.ends,
      canaries: canary.ends,
    }
    const program = device.spawn([
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, 'inside.ts'),
      JSON.stringify(ask),
    ])
    let complaints = ''
    program.stderr.on('data', (chunk) => (complaints += String(chunk)))
    const results: CaseResult[] = []
    createInterface(program.stdout).on('line', (line) => {
      const result = JSON.parse(line) as CaseResult
      results.push(result)
      seen(result)
    })
    const [status] = (await once(program, 'close')) as [number | null]
    if (status !== 0) throw new Error(`the matrix ended with ${status} after ${results.length} cases: ${complaints}`)
    return results
  } finally {
    controlPlane.close()
    canary.close()
  }
}

/** A listener on this host that the device can reach. */
async function listen({ v4 }: Addresses) {
  const server = createServer((socket) => socket.on('error', () => undefined).end())
  server.listen(0, v4)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a listener without a port')
  return { ends: [{ address: v4, port: address.port }], close: () => server.close() }
}
