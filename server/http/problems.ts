import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { type ErrorCode, errorCodes, errors, RecourseError } from '../../protocol/errors.ts'
import { issueWords } from '../../protocol/issue-words.ts'

/** A refusal or failure as RFC 9457 has it; `code` is stable and documented. */
export const problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(errorCodes),
    detail: z.string(),
    retryable: z.boolean(),
    /** Id of the request, as in the log. */
    instance: z.string(),
    issues: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' })

/** Answers everything that goes wrong with a problem, and nothing else: no stack, no text of ours that was not meant for people. */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((failure: FastifyError, request, reply) => {
    const known = readFailure(failure)
    if (known.code === 'internal') request.log.error({ err: failure }, 'failed')
    else request.log.debug({ code: known.code, detail: known.detail }, 'refused')
    return send(request, reply, known)
  })
  app.setNotFoundHandler((request, reply) =>
    send(request, reply, { code: 'not_found', detail: 'There is no such address.' }),
  )
}

interface Known {
  readonly code: ErrorCode
  readonly detail: string
  readonly status?: number
  readonly issues?: { path: string; message: string }[]
}

const mostIssues = 20

function readFailure(failure: FastifyError): Known {
  if (failure instanceof RecourseError) return { code: failure.code, detail: failure.message }
  if (hasZodFastifySchemaValidationErrors(failure)) {
    const issues = failure.validation.slice(0, mostIssues).map((it) => ({
      path: it.instancePath.slice(0, 200),
      message: issueWords({ ...it.params, code: it.keyword, message: it.message ?? '' }).slice(0, 500),
    }))
    return { code: 'request_invalid', detail: errors.request_invalid.meaning, issues }
  }
  switch (failure.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { code: 'frame_too_large', detail: 'The body is larger than 1 MiB.' }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { code: 'request_unsupported', detail: errors.request_unsupported.meaning }
    default:
  }
  const { statusCode } = failure
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { code: 'request_invalid', detail: failure.message.slice(0, 500) }
  }
  return { code: 'internal', detail: errors.internal.meaning }
}

function send(request: FastifyRequest, reply: FastifyReply, { code, detail, issues }: Known) {
  const entry: { meaning: string; retryable: boolean; http?: number } = errors[code]
  const status = entry.http ?? 500
  const body: z.infer<typeof problem> = {
    type: `urn:recourse:error:${code}`,
    title: entry.meaning,
    status,
    code,
    detail,
    retryable: entry.retryable,
    instance: request.id,
    ...(issues === undefined ? {} : { issues }),
  }
  return reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .serializer((it: unknown) => JSON.stringify(it))
    .send(body)
}
