import { CliFailure, exitCodes } from './control-plane.ts'

/** Asks for a secret without showing it, or reads the first line of what is piped in. */
export async function askSecret(question: string): Promise<string> {
  const { stdin, stderr } = process
  if (!stdin.isTTY) return firstLine(await text(stdin))
  stderr.write(question)
  stdin.setRawMode(true)
  try {
    return await typed(stdin)
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}

const firstLine = (all: string) => all.split(/\r?\n/, 1)[0] ?? ''

async function text(stream: NodeJS.ReadStream): Promise<string> {
  let all = ''
  stream.setEncoding('utf8')
  for await (const part of stream) all += String(part)
  return all
}

/** Collects keys until Enter; Backspace takes the last one back, Ctrl-C gives up. */
async function typed(stdin: NodeJS.ReadStream): Promise<string> {
  let secret = ''
  stdin.setEncoding('utf8')
  for await (const keys of stdin) {
    for (const key of String(keys)) {
      if (key === '\r' || key === '\n') return secret
      if (key === '\u0003') throw new CliFailure(exitCodes.usage, 'given up')
      secret = key === '\u007f' || key === '\b' ? secret.slice(0, -1) : secret + key
    }
  }
  return secret
}
