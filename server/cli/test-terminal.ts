import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Permission } from '../people/permissions.ts'
import type { TestServer } from '../test-app.ts'
import { run } from './run.ts'

/** How a command ended, and what it printed. */
export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A terminal at which somebody sits who has a token of the administrator. */
export interface Terminal {
  recourse(...argv: string[]): Promise<Ended>
  /** The answer to `--json`, into which tests look freely; throws when the command did not end well. */
  json<T = { readonly [name: string]: never }>(...argv: string[]): Promise<T>
  /** What is typed when a command asks for a secret, in this order. */
  types(...secrets: string[]): void
  /** Writes a file; answers its path. */
  file(name: string, text: string): string
  readonly folder: string
  readonly environment: NodeJS.ProcessEnv
  close(): void
}

/** Lets a test server listen, and opens a terminal to it. */
export async function openTerminal(server: TestServer, scopes: readonly Permission[]): Promise<Terminal> {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-cli-'))
  const made = await server.call(server.admin, 'POST', '/v1/tokens', { name: 'cli', scopes })
  await server.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.app.server.address() as AddressInfo
  const environment: NodeJS.ProcessEnv = {
    RECOURSE_URL: `http://localhost:${port}`,
    RECOURSE_TOKEN: String(made.body['token']),
    XDG_CONFIG_HOME: folder,
  }
  let typed: string[] = []
  const recourse = async (...argv: string[]): Promise<Ended> => {
    let out = ''
    let err = ''
    const code = await run(argv, {
      environment,
      out: (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
      askSecret: async (question) => {
        const next = typed.shift()
        if (next === undefined) throw new Error(`nobody answers: ${question}`)
        return next
      },
    })
    return { code, out, err }
  }
  return {
    recourse,
    async json<T>(...argv: string[]) {
      const { code, out, err } = await recourse('--json', ...argv)
      if (code !== 0 || err !== '') throw new Error(`recourse ${argv.join(' ')} ended with ${code}: ${err}${out}`)
      return JSON.parse(out) as T
    },
    types(...secrets) {
      typed = secrets
    },
    file(name, text) {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    },
    folder,
    environment,
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
