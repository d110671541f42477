import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { createServer as createTls, TLSSocket } from 'node:tls'

/** One mail as it was taken. */
export interface Mail {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
  /** Whether it came through TLS, and who had signed in. */
  readonly encrypted: boolean
  readonly user: string | null
}

export interface MailReceiverOptions {
  /** Makes it offer STARTTLS, or speak TLS from the first byte with `implicit`. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly implicit?: boolean
  /** Makes it take mail only from who signs in so, and only through TLS. */
  readonly account?: { readonly user: string; readonly password: string }
  readonly mechanisms?: readonly ('PLAIN' | 'LOGIN')[]
}

/** A small working mail server for tests: SMTP (RFC 5321) with STARTTLS (RFC 3207) and sign-in (RFC 4954). */
export async function mailReceiver(options: MailReceiverOptions = {}) {
  const mails: Mail[] = []
  const mood = {
    /** Answers MAIL with “later”. */
    refuse: false,
    /** Dies while the text of a mail comes in. */
    dropInData: false,
    /** Takes a mail and dies before it can say so. */
    dropAnswer: false,
    /** Says no more when it is to begin a mail, or when it has taken one: so that the sender can be killed there. */
    stall: null as 'before' | 'after' | null,
    /** Says that it can do STARTTLS and then cannot. */
    brokenTls: false,
  }
  const counts = { connections: 0, wrongPasswords: 0, stalled: 0 }
  const wires = new Set<Socket>()
  const take = (wire: Socket) => {
    counts.connections++
    wires.add(wire)
    wire.on('error', () => undefined)
    wire.on('close', () => wires.delete(wire))
    converse(wire)
  }
  const { tls, implicit = false, account, mechanisms = ['PLAIN', 'LOGIN'] } = options
  const server = implicit ? createTls({ ...tls }, take) : createTcp(take)
  server.on('tlsClientError', () => undefined)

  /** Speaks over a socket until it ends or gives way to TLS. */
  function converse(socket: Socket, greet = true): void {
    const encrypted = socket instanceof TLSSocket
    let buffer = ''
    let from = ''
    let to: string[] = []
    let user: string | null = null
    /** What the next line is, when it is no command. */
    let awaits: ((line: string) => void) | null = null
    let inBody = false
    const say = (...lines: string[]) => socket.write(lines.map((line) => `${line}\r\n`).join(''))
    const signIn = (name: string, password: string) => {
      if (account !== undefined && name === account.user && password === account.password) {
        user = name
        return say('235 welcome')
      }
      counts.wrongPasswords++
      return say('535 5.7.8 wrong name or password')
    }
    const plain = (text: string) => {
      const [, name = '', password = ''] = Buffer.from(text, 'base64').toString('utf8').split('\0')
      signIn(name, password)
    }
    const login = () => {
      say(`334 ${Buffer.from('Username:').toString('base64')}`)
      awaits = (name) => {
        say(`334 ${Buffer.from('Password:').toString('base64')}`)
        awaits = (password) =>
          signIn(Buffer.from(name, 'base64').toString('utf8'), Buffer.from(password, 'base64').toString('utf8'))
      }
    }
    const command = (line: string) => {
      const [verb = '', ...rest] = line.split(' ')
      switch (verb.toUpperCase()) {
        case 'EHLO':
          return say(
            '250-model',
            ...(tls !== undefined && !encrypted ? ['250-STARTTLS'] : []),
            ...(account !== undefined && encrypted ? [`250-AUTH ${mechanisms.join(' ')}`] : []),
            '250 8BITMIME',
          )
        case 'STARTTLS':
          if (tls === undefined || encrypted) return say('503 no')
          if (mood.brokenTls) return say('454 TLS not available just now')
          say('220 go on')
          socket.removeAllListeners('data')
          return converse(
            new TLSSocket(socket, { ...tls, isServer: true }).on('error', () => undefined),
            false,
          )
        case 'AUTH':
          if (!encrypted) return say('538 encrypt first')
          if (rest[0]?.toUpperCase() === 'LOGIN') return login()
          if (rest[1] !== undefined) return plain(rest[1])
          say('334 ')
          awaits = plain
          return
        case 'MAIL':
          if (account !== undefined && user === null) return say('530 sign in first')
          if (mood.refuse) return say('450 later')
          from = line.slice('MAIL FROM:'.length)
          return say('250 ok')
        case 'RCPT':
          to.push(line.slice('RCPT TO:'.length))
          return say('250 ok')
        case 'DATA':
          if (mood.stall === 'before') return void counts.stalled++
          inBody = true
          return say('354 go on')
        case 'QUIT':
          say('221 bye')
          return socket.end()
        default:
          return say('250 ok')
      }
    }
    const body = (text: string) => {
      inBody = false
      mails.push({ from, to, text, encrypted, user })
      to = []
      if (mood.dropAnswer) return cut()
      if (mood.stall === 'after') return void counts.stalled++
      return say('250 taken')
    }
    socket.setEncoding('utf8')
    socket.on('data', (piece: string) => {
      buffer += piece
      if (inBody && mood.dropInData) return cut()
      for (;;) {
        const ending = inBody ? '\r\n.\r\n' : '\r\n'
        const end = buffer.indexOf(ending)
        if (end < 0) return
        const line = buffer.slice(0, end)
        buffer = buffer.slice(end + ending.length)
        const next = awaits
        awaits = null
        if (inBody) body(line)
        else if (next !== null) next(line)
        else command(line)
      }
    })
    if (greet) say('220 model ESMTP')
  }

  /** As a machine that dies: without a proper end. */
  const cut = () => {
    for (const wire of wires) {
      if (wire instanceof TLSSocket) wire.destroy()
      else wire.resetAndDestroy()
    }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    mails,
    mood,
    counts,
    close: async () => {
      cut()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}
