import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { linuxFirewall } from './firewall.ts'
import { watchTable } from './firewall-watch.ts'
import { type Programs, systemPrograms } from './run-program.ts'

/** Machines have other things to do. */
const patienceMs = 60_000
const folder = mkdtempSync(join(tmpdir(), 'recourse-firewall-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A system in which `nft` is this script and nothing else is installed. */
const withNft = (script: string): Programs => {
  const nft = join(mkdtempSync(join(folder, 'bin-')), 'nft')
  writeFileSync(nft, `#!/bin/sh\n${script}\n`)
  chmodSync(nft, 0o755)
  return { find: (name) => (name === 'nft' ? nft : null), need: () => nft }
}

describe('what needs no rules', () => {
  const firewall = linuxFirewall({ stateFolder: join(folder, 'state'), programs: systemPrograms([folder]) })

  test('[JRN6] without its tools or without rights it is unable, by name', async () => {
    const root = process.geteuid?.() === 0
    expect(await firewall.unable()).toEqual(
      root
        ? { code: 'tool_missing', detail: 'not installed: nft, ss, unshare, nsenter, cat' }
        : { code: 'not_permitted', detail: 'the agent does not run as root' },
    )
    await expect(firewall.state({ reachable: [] })).rejects.toMatchObject({ code: 'tool_missing' })
    await expect(firewall.isolate({ reachable: [] })).rejects.toMatchObject({ code: 'tool_missing' })
  })

  test('[ISO2] a probe tells an end that takes connections from one that does not', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    expect(await firewall.probe({ address: '127.0.0.1', port }, patienceMs)).toBe('connected')
    server.close()
    await once(server, 'close')
    expect(await firewall.probe({ address: '127.0.0.1', port }, patienceMs)).toBe('unreachable')
  })
})

/** A monitor that says these lines, one after the other, once it is told to. */
const monitor = (...lines: string[]) => {
  const sign = join(mkdtempSync(join(folder, 'sign-')), 'speak')
  const nft = [
    `until [ -e ${sign} ]; do sleep 0.05; done`,
    ...lines.map((line) => `echo "${line}"; sleep 0.3`),
    'exec sleep 600',
  ]
  return { nft: nft.join('\n'), say: () => writeFileSync(sign, '') }
}

describe('the watch', () => {
  const watched = (programs: Programs) => {
    const told: number[] = []
    // It rechecks so seldom that nothing here is told for that reason.
    const watch = watchTable(programs, () => told.push(told.length), 2 ** 30)
    return { told, end: () => watch[Symbol.dispose]() }
  }

  test('[ISO3] what the monitor says of our table is told, what it says of others is not', async () => {
    const { nft, say } = monitor('delete table inet admin', 'delete table inet recourse_isolation')
    const { told, end } = watched(withNft(nft))
    // Once after the start, for what it may have missed.
    await expect.poll(() => told.length, { timeout: patienceMs }).toBe(1)
    say()
    await expect.poll(() => told.length, { timeout: patienceMs }).toBe(2)
    await wait(600)
    expect(told).toHaveLength(2)
    end()
  })

  test('[ISO3] a loss that the monitor admits is told', async () => {
    const { nft, say } = monitor('# ERROR: We lost some netlink events!')
    const { told, end } = watched(withNft(nft))
    await expect.poll(() => told.length, { timeout: patienceMs }).toBe(1)
    say()
    await expect.poll(() => told.length, { timeout: patienceMs }).toBe(2)
    end()
  })

  test.each([
    ['ends at once', withNft('exit 1')],
    ['is not installed', systemPrograms([folder])],
  ])('[ISO3] with a monitor that %s it looks again and again, until it is over', async (_, programs) => {
    const { told, end } = watched(programs)
    await expect.poll(() => told.length, { timeout: patienceMs }).toBeGreaterThan(3)
    end()
    const count = told.length
    await wait(1_200)
    expect(told).toHaveLength(count)
  })
})
