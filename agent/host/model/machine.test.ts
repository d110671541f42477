import { describe, expect, test } from 'vitest'
import { modelHost } from './host.ts'
import { modelMachine } from './machine.ts'

describe.each(['linux', 'windows'] as const)('the model machine, %s face', (platform) => {
  const at = (name: string) => (platform === 'linux' ? `/work/${name}` : `C:\\work\\${name}`)
  const make = (seed = 1) => modelMachine({ platform, seed })

  test('[SIM1] the same seed and the same deeds make the same machine', () => {
    const deeds = () => {
      const machine = make(7)
      machine.writeFile(at('a'), 'x')
      machine.fork(machine.spawnProcess({ image: at('a') }))
      return machine
    }
    expect(deeds().snapshot()).toEqual(deeds().snapshot())
    expect(deeds().bootId).toBe(deeds().bootId)
    expect(make(8).bootId).not.toBe(make(9).bootId)
  })

  test('a snapshot shows a changed byte, a changed mode, a moved name, a hole, a held process and a table', () => {
    const machine = make()
    machine.writeFile(at('a'), 'x')
    const pid = machine.spawnProcess({ image: at('a') })
    const seen = new Set<string>()
    const look = () => seen.add(JSON.stringify(machine.snapshot()))
    look()
    machine.writeAt(at('a'), 'y', 0)
    look()
    machine.change(at('a'), platform === 'linux' ? { mode: 0o600 } : { attributes: 0 })
    look()
    machine.rename(at('a'), at('b'))
    look()
    machine.writeAt(at('b'), 'far', 100_000)
    look()
    machine.processTable.suspend(pid)
    look()
    machine.setTable('filter', 'accept')
    look()
    expect(seen.size).toBe(7)
  })

  test('a restart ends every process, drops volatile tables, and brings up what is held over it first', async () => {
    const machine = make()
    machine.writeFile(at('a'), 'x')
    machine.spawnProcess({ image: at('a'), name: 'victim' })
    machine.setTable('lasting', 'theirs', { lasting: true })
    machine.setTable('passing', 'theirs')
    const before = modelHost(machine)
    const rules = { reachable: [{ address: '198.51.100.1', port: 443 }] }
    await before.firewall.holdOverRestart(rules)
    const { bootId } = machine
    machine.advance(5_000)
    machine.reboot()
    const after = modelHost(machine)
    expect(machine.bootId).not.toBe(bootId)
    expect(after.machine.bootTimeMs()).toBe(0)
    expect(machine.processTable.all().some(({ name }) => name === 'victim')).toBe(false)
    expect(machine.network.tables().map(([name]) => name)).toEqual(['lasting', 'recourse'])
    expect(await after.firewall.state(rules)).toBe('as-ordered')
    expect(() => before.processes.pids()).toThrow('restarted')
  })

  test('a wall clock that jumps does not move the time since the start', () => {
    const machine = make()
    const host = modelHost(machine)
    machine.advance(1_000)
    const wall = host.machine.nowMs()
    machine.jumpWallClock(-3_600_000)
    expect(host.machine.nowMs()).toBe(wall - 3_600_000)
    expect(host.machine.bootTimeMs()).toBe(1_000)
  })

  test('a number used again is another process', () => {
    const machine = make()
    machine.writeFile(at('a'), 'x')
    const pid = machine.spawnProcess({ image: at('a') })
    const host = modelHost(machine)
    using first = host.processes.open(pid)
    const startedAt = first?.facts().startedAt
    machine.exit(pid)
    machine.spawnProcess({ image: at('a'), pid })
    using second = host.processes.open(pid)
    expect(second?.facts().startedAt).not.toBe(startedAt)
    expect(() => first?.facts()).toThrow(expect.objectContaining({ code: 'process_gone' }))
    first?.kill()
    expect(second?.facts().state).toBe('running')
  })

  test('while isolated, only what the rules name is reached, and tampering is told to whoever watches', async () => {
    const machine = make()
    machine.writeFile(at('a'), 'x')
    const pid = machine.spawnProcess({ image: at('a') })
    const control = { address: '198.51.100.1', port: 443 }
    const evil = { address: '203.0.113.9', port: 80 }
    machine.peer(control)
    machine.peer(evil)
    machine.connect(pid, evil)
    machine.connect(pid, control)
    const { firewall } = modelHost(machine)
    const rules = { reachable: [control] }
    expect(await firewall.connectionsElsewhere(rules)).toEqual(['203.0.113.9:80'])
    await firewall.isolate(rules)
    expect(await firewall.endConnections(rules)).toBe(1)
    expect(await firewall.probe(control, 1)).toBe('connected')
    expect(await firewall.probe(evil, 1)).toBe('unreachable')
    expect(machine.connect(pid, evil)).toBe(false)
    const told = new Promise<void>((resolve) => {
      firewall.watch(resolve)
    })
    machine.tamper(null)
    await told
    expect(await firewall.state(rules)).toBe('absent')
    expect(await firewall.probe(evil, 1)).toBe('connected')
  })

  test('[JRN6] a machine without a firewall, or without the rights, says so', async () => {
    const bare = modelHost(modelMachine({ platform, seed: 1, hasFirewall: false }))
    const meek = modelHost(modelMachine({ platform, seed: 1, privileged: false }))
    const rules = { reachable: [] }
    await expect(bare.firewall.isolate(rules)).rejects.toMatchObject({ code: 'tool_missing' })
    await expect(meek.firewall.isolate(rules)).rejects.toMatchObject({ code: 'not_permitted' })
    expect(await bare.firewall.unable()).toMatchObject({ code: 'tool_missing' })
    expect(await meek.firewall.unable()).toMatchObject({ code: 'not_permitted' })
  })

  test('what it does not know is an error, never an answer', () => {
    const machine = make()
    expect(() => machine.readFile(at('missing'))).toThrow()
    expect(() => machine.writeFile(platform === 'linux' ? 'C:\\x' : '/x', '')).toThrow()
    expect(() => machine.advance(-1)).toThrow()
  })

  test('others live between two calls of the agent', () => {
    const machine = make()
    machine.writeFile(at('a'), 'x')
    const pid = machine.spawnProcess({ image: at('a') })
    const host = modelHost(machine)
    machine.meanwhile(() => void machine.fork(pid))
    host.machine.nowMs()
    host.machine.nowMs()
    expect(machine.processTable.childrenOf(pid)).toHaveLength(2)
  })
})
