import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CliFailure, exitCodes } from '../control-plane.ts'

/** Writes a streamed answer to a file that only its owner reads. A CliFailure when the file cannot be written or the answer breaks off. */
export async function writeBody(answer: Response, file: string): Promise<void> {
  if (answer.body === null) throw new CliFailure(exitCodes.refused, 'the control plane sent nothing')
  await pipeline(Readable.fromWeb(answer.body), createWriteStream(file, { mode: 0o600 })).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CliFailure(exitCodes.refused, `${file} is not whole: ${why}`, null, { cause })
  })
}
