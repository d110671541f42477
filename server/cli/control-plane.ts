import * as z from 'zod'
import { type ErrorCode, errorCodes } from '../../protocol/errors.ts'
import { plainText } from './plain-text.ts'

/** How `recourse` ends; documented in docs/operating.md. */
export const exitCodes = { done: 0, refused: 1, usage: 2, notAllowed: 3, unreachable: 4 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends the program with a sentence and a code. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode
  readonly code: ErrorCode | null

  constructor(exitCode: ExitCode, message: string, code: ErrorCode | null = null, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CliFailure'
    this.exitCode = exitCode
    this.code = code
  }
}

/** A problem answer (RFC 9457), as far as people are told of it. */
const problem = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  code: z.enum(errorCodes).optional(),
})

/** Who one is for the control plane: a token, or the cookie of a session. */
export interface Credentials {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export interface ControlPlane {
  readonly url: string
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>
  post<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T>
  put<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T>
  patch<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T>
  remove(path: string): Promise<void>
  /** The raw answer, for what is streamed and for cookies. */
  fetch(path: string, init?: RequestInit): Promise<Response>
}

/** A client of /v1. Every refusal is a {@link CliFailure} that says what the server said. */
export function connect({ url, headers }: Credentials): ControlPlane {
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const all = new Headers({ 'recourse-client': 'cli', ...headers })
    for (const [name, value] of new Headers(init.headers)) all.set(name, value)
    const answer = await fetch(new URL(path, url), {
      ...init,
      headers: all,
      signal: AbortSignal.timeout(120_000),
    }).catch((error: unknown) => {
      throw new CliFailure(exitCodes.unreachable, `${url} does not answer`, null, { cause: error })
    })
    if (answer.ok) return answer
    throw await failureOf(answer)
  }
  const send =
    (method: 'POST' | 'PUT' | 'PATCH') =>
    async <T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> =>
      read(
        await ask(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        schema,
      )
  return {
    url,
    fetch: ask,
    get: async (path, schema) => read(await ask(path), schema),
    post: send('POST'),
    put: send('PUT'),
    patch: send('PATCH'),
    remove: async (path) => {
      await ask(path, { method: 'DELETE' })
    },
  }
}

async function read<T>(answer: Response, schema: z.ZodType<T>): Promise<T> {
  const text = await answer.text()
  const parsed = schema.safeParse(text === '' ? null : JSON.parse(text))
  if (parsed.success) return parsed.data
  throw new CliFailure(
    exitCodes.refused,
    `the answer is not what this version expects: ${z.prettifyError(parsed.error)}`,
  )
}

async function failureOf(answer: Response): Promise<CliFailure> {
  const said = problem.safeParse(await answer.json().catch(() => null))
  const { detail, title, code } = said.success ? said.data : {}
  const exit = answer.status === 401 || answer.status === 403 ? exitCodes.notAllowed : exitCodes.refused
  const sentence = plainText(detail ?? title ?? `the control plane answered ${answer.status}`)
  const hint =
    answer.status === 401 ? ' Sign in with `recourse sign-in URL`, or set RECOURSE_URL and RECOURSE_TOKEN.' : ''
  return new CliFailure(exit, `${sentence}${hint}`, code ?? null)
}
