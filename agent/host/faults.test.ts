import { describe, expect, test } from 'vitest'
import { type FilePath, toFilePath } from '../../protocol/file-path.ts'
import { withFaults } from './faults.ts'
import { type Host, HostError } from './host.ts'
import { modelHost } from './model/host.ts'
import { modelMachine } from './model/machine.ts'

const name = (text: string) => new TextEncoder().encode(text)
const work = toFilePath('/work') as FilePath

const machineWithFile = () => {
  const machine = modelMachine({ platform: 'linux', seed: 1 })
  machine.writeFile('/work/a', 'x')
  return machine
}

/** Some reads, and the effects create, write, move, kill and isolate. */
const deed = async (host: Host, pid: number) => {
  using directory = host.files.openDirectory(work)
  directory.look(name('a'))
  using file = directory.createFile(name('b'))
  file.write(name('yy'), 0)
  directory.move(name('b'), directory, name('c'))
  using process = host.processes.open(pid)
  process?.facts()
  process?.kill()
  await host.firewall.isolate({ reachable: [] })
}

const effects = ['directory.createFile', 'file.write', 'directory.move', 'process.kill', 'firewall.isolate']

describe('a world that stops', () => {
  test('[JRN2] every effect is announced before and after, in order, and no read is', async () => {
    const machine = machineWithFile()
    const heard: string[] = []
    await deed(
      withFaults(modelHost(machine), (phase, effect) => heard.push(`${phase} ${effect}`)),
      machine.spawnProcess(),
    )
    expect(heard).toEqual(effects.flatMap((effect) => [`before ${effect}`, `after ${effect}`]))
  })

  test.each(effects)(
    '[JRN2] cut before %s nothing of it has happened; cut after it, all of it has, and nothing more',
    async (at) => {
      const seen: unknown[] = []
      for (const when of ['before', 'after']) {
        const machine = machineWithFile()
        const pid = machine.spawnProcess()
        const host = withFaults(modelHost(machine), (phase, effect) => {
          if (phase === when && effect === at) throw new Error('cut')
        })
        seen.push(machine.snapshot())
        await expect(deed(host, pid)).rejects.toThrow('cut')
        seen.push(machine.snapshot())
        expect(() => host.files.openDirectory(work)).toThrow('cut')
        await expect((async () => host.firewall.isolate({ reachable: [] }))()).rejects.toThrow('cut')
        expect(machine.snapshot()).toEqual(seen.at(-1))
      }
      const [, cutBefore, , cutAfter] = seen
      expect(cutBefore).not.toEqual(cutAfter)
    },
  )

  test('[JRN6] one effect can be refused by the machine, and life goes on', () => {
    const machine = machineWithFile()
    const host = withFaults(modelHost(machine), (_, effect) => {
      if (effect === 'directory.remove') throw new HostError('io_failed', 'a bad sector')
    })
    using directory = host.files.openDirectory(work)
    expect(() => directory.remove(name('a'))).toThrow(expect.objectContaining({ code: 'io_failed' }))
    expect(directory.look(name('a'))?.kind).toBe('file')
  })

  test('a dead agent hears nothing any more, and closing its handles stays silent', async () => {
    const machine = machineWithFile()
    let heard = 0
    const host = withFaults(modelHost(machine), () => {
      throw new Error('cut')
    })
    host.firewall.watch(() => heard++)
    using directory = host.files.openDirectory(work)
    machine.tamper('theirs')
    await Promise.resolve()
    expect(heard).toBe(1)
    expect(() => directory.remove(name('a'))).toThrow('cut')
    machine.tamper(null)
    await Promise.resolve()
    expect(heard).toBe(1)
    expect(() => directory.close()).not.toThrow()
  })
})
