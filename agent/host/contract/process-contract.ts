import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { childPath, type FilePath } from '../../../protocol/file-path.ts'
import { processRef } from '../../../protocol/process-ref.ts'
import type { HostFixture } from '../contract.ts'
import type { ProcessHandle } from '../host.ts'
import { code, name } from './words.ts'

/** Long enough for a loaded machine; nothing waits for it when all is well. */
const patienceMs = 5_000

/** What host.ts promises of processes. */
export const processContract = (makeFixture: () => Promise<HostFixture>): void => {
  const scene = async () => {
    const fixture = await makeFixture()
    const image = childPath(fixture.folder, 'program')
    const content = fixture.others.program(image)
    const held: ProcessHandle[] = []
    const hold = (pid: number): ProcessHandle => {
      const handle = fixture.host.processes.open(pid)
      if (handle === null) throw new Error(`no process ${pid}`)
      held.push(handle)
      return handle
    }
    return {
      ...fixture,
      image,
      sha256: createHash('sha256').update(content).digest('hex'),
      hold,
      [Symbol.asyncDispose]: async () => {
        for (const handle of held) handle.close()
        await fixture[Symbol.asyncDispose]()
      },
    }
  }

  describe('processes', () => {
    test('[PRC1] a process is named by number, start and boot, and has an image', async () => {
      await using scenery = await scene()
      const { host, others, image, sha256, hold } = scenery
      const pid = await others.run(image)
      expect(host.processes.pids()).toContain(pid)
      const process = hold(pid)
      const { startedAt, bootId, ...facts } = process.facts()
      expect(processRef.parse({ pid, startedAt, bootId })).toEqual({ pid, startedAt, bootId })
      expect(bootId).toBe(host.machine.bootId())
      expect(facts).toMatchObject({ pid, image, state: 'running', protection: null })
      expect(facts.name).not.toBe('')
      expect(process.imageSha256()).toBe(sha256)
      expect(hold(pid).facts().startedAt).toBe(startedAt)
    })

    test('[PRC1] the image is the one that runs, even when its file was replaced', async () => {
      await using scenery = await scene()
      const { folder, others, image, sha256, hold } = scenery
      const pid = await others.run(image)
      others.rename(image, childPath(folder, 'aside'))
      others.write(image, name('quite another program'))
      expect(hold(pid).imageSha256()).toBe(sha256)
    })

    test('[PRC1] a handle never comes to mean another process', async () => {
      await using scenery = await scene()
      const { host, others, image, hold } = scenery
      const pid = await others.run(image)
      const process = hold(pid)
      await others.end(pid)
      expect(() => process.facts()).toThrow(code('process_gone'))
      expect(() => process.suspend()).toThrow(code('process_gone'))
      expect(() => process.resume()).toThrow(code('process_gone'))
      expect(() => process.kill()).not.toThrow()
      expect(await process.gone(0)).toBe(true)
      expect(host.processes.pids()).not.toContain(pid)
      expect(host.processes.open(pid)).toBeNull()
    })

    test('no process has the number 0 or one that nobody gave out', async () => {
      await using scenery = await scene()
      const { host } = scenery
      expect(host.processes.open(4_194_304)).toBeNull()
    })

    test('a suspended process stands and a resumed one runs; twice is once', async () => {
      await using scenery = await scene()
      const { others, image, hold } = scenery
      const process = hold(await others.run(image))
      for (const _ of ['once', 'twice']) {
        process.suspend()
        expect(process.facts().state).toBe('suspended')
      }
      for (const _ of ['once', 'twice']) {
        process.resume()
        expect(process.facts().state).toBe('running')
      }
      expect(await process.gone(0)).toBe(false)
    })

    test('a killed process is gone, were it suspended; to kill it again is nothing', async () => {
      await using scenery = await scene()
      const { others, image, hold } = scenery
      const running = hold(await others.run(image))
      const standing = hold(await others.run(image))
      standing.suspend()
      for (const process of [running, standing]) {
        expect(await process.gone(0)).toBe(false)
        process.kill()
        expect(await process.gone(patienceMs)).toBe(true)
        expect(await process.gone(0)).toBe(true)
        expect(() => process.kill()).not.toThrow()
      }
    })

    test('the children of a process are found by its handle', async () => {
      await using scenery = await scene()
      const { host, others, image, hold } = scenery
      const pid = await others.run(image, { children: 3 })
      const children = hold(pid).children()
      expect(children).toHaveLength(3)
      for (const child of children) expect(hold(child).facts()).toMatchObject({ pid: child, parent: pid })
      expect(host.processes.pids()).toEqual(expect.arrayContaining(children))
      expect(hold(children[0] ?? 0).children()).toEqual([])
    })

    test('[VLT3] the agent, what it descends from, and the first process are protected', async () => {
      await using scenery = await scene()
      const { host, agentPid, hold } = scenery
      expect(hold(agentPid).facts().protection).toEqual(expect.any(String))
      const parent = hold(agentPid).facts().parent
      expect(hold(parent).facts().protection).toEqual(expect.any(String))
      const first = Math.min(...host.processes.pids().filter((pid) => pid > 0))
      expect(hold(first).facts().protection).toEqual(expect.any(String))
    })

    test('whoever runs a file is named as its user', async () => {
      await using scenery = await scene()
      const { host, folder, others, image } = scenery
      const pid = await others.run(image)
      using directory = host.files.openDirectory(folder)
      using file = directory.openFile(name('program'))
      expect(file.users().map((user) => user.pid)).toEqual([pid])
      await others.end(pid)
      expect(file.users()).toEqual([])
    })

    test('a closed handle answers nothing, and closing it again is nothing', async () => {
      await using scenery = await scene()
      const { others, image, hold } = scenery
      const process = hold(await others.run(image))
      process.close()
      expect(() => process.facts()).toThrow()
      expect(() => process.kill()).toThrow()
      expect(() => process.close()).not.toThrow()
    })
  })

  describe('the machine', () => {
    test('its boot has a name, its clock moves forward, and its facts are there', async () => {
      await using scenery = await scene()
      const { host } = scenery
      expect(host.machine.bootId()).toMatch(/^[0-9a-f-]{1,64}$/)
      expect(host.machine.bootId()).toBe(host.machine.bootId())
      const first = host.machine.bootTimeMs()
      expect(host.machine.bootTimeMs()).toBeGreaterThanOrEqual(first)
      expect(Number.isInteger(host.machine.nowMs())).toBe(true)
      expect(host.machine.facts()).toMatchObject({ osName: expect.any(String), hostName: expect.stringMatching(/./) })
    })

    test('[VLT3] it protects the image of the agent, and not a file of a test', async () => {
      await using scenery = await scene()
      const { host, agentPid, image, hold } = scenery
      const protects = (path: FilePath) => {
        const { directory, name: last } = host.files.openParent(path)
        using _ = directory
        const found = directory.look(last)
        return found === null ? 'nothing there' : host.machine.protects(path, found.identity)
      }
      const agentImage = hold(agentPid).facts().image
      expect(agentImage).not.toBeNull()
      expect(protects(agentImage as FilePath)).toEqual(expect.any(String))
      expect(protects(image)).toBeNull()
    })
  })
}
