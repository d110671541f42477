import { describe, expect, test } from 'vitest'
import { saveDisk } from '../../agent/host/model/disk-image.ts'
import { modelHost } from '../../agent/host/model/host.ts'
import { birthOf, bornAgain, changedSince } from './birth.ts'
import { plainMix, profileOf } from './profile.ts'
import { sceneOf } from './scenery.ts'
import { witnessOf } from './witness.ts'

const now = () => 1_800_000_000_000
const linux = { ...plainMix, windows: 0 }
const targetOf = (scene: ReturnType<typeof sceneOf>, name: string) => {
  const found = scene.targets.find((target) => target.name === name)
  if (found === undefined) throw new Error(`no ${name}`)
  return found
}

describe('[SIM1] a simulated device', () => {
  test('is the same for the same seed and index, and another one otherwise', () => {
    expect(profileOf(7, 3, plainMix)).toEqual(profileOf(7, 3, plainMix))
    const one = sceneOf(7, profileOf(7, 3, linux), now)
    const again = sceneOf(7, profileOf(7, 3, linux), now)
    expect(one.machine.snapshot()).toEqual(again.machine.snapshot())
    const other = sceneOf(8, profileOf(8, 3, linux), now)
    expect(other.machine.snapshot()).not.toEqual(one.machine.snapshot())
  })

  test('keeps what it is when the fleet around it changes', () => {
    const hostless = ({ hostile: _, ...rest }: ReturnType<typeof profileOf>) => rest
    expect(hostless(profileOf(7, 3, { ...plainMix, hostile: 1 }))).toEqual(hostless(profileOf(7, 3, plainMix)))
  })

  test('has its shares of platforms and ages over a thousand', () => {
    const all = Array.from({ length: 1_000 }, (_, index) =>
      profileOf(1, index, { ...plainMix, windows: 0.3, hostile: 0.1 }),
    )
    const share = (is: (profile: (typeof all)[number]) => boolean) => all.filter(is).length / all.length
    expect(share(({ platform }) => platform === 'windows')).toBeCloseTo(0.3, 1)
    expect(share(({ hostile }) => hostile !== null)).toBeCloseTo(0.07, 1)
    expect(new Set(all.map(({ address }) => address)).size).toBe(1_000)
  })

  test('runs the services of its kind, which come up again with it', () => {
    const profiles = Array.from({ length: 40 }, (_, index) => profileOf(7, index, linux))
    expect(new Set(profiles.map(({ services }) => services.join())).size).toBeGreaterThan(10)
    for (const profile of profiles) {
      const scene = sceneOf(7, profile, now)
      const running = () => {
        const names = scene.machine.processTable.all().map(({ name }) => name)
        return profile.services.filter((name) => names.includes(name))
      }
      expect(running()).toEqual(profile.services)
      scene.restart()
      expect(running()).toEqual(profile.services)
    }
  })

  test('its witness sees an effect come and go, whoever did it', () => {
    const scene = sceneOf(7, profileOf(7, 3, linux), now)
    const witness = witnessOf(scene)
    const birth = birthOf(scene)
    const pid = Number(targetOf(scene, 'beacon').things[0]?.replace('process ', ''))
    const handle = modelHost(scene.machine).processes.open(pid)
    handle?.suspend()
    witness.look()
    expect(witness.targets()).toContainEqual({ name: 'beacon', inEffect: true, came: 1, went: 0, lost: 0, gone: 0 })
    expect(changedSince(birth, scene)).toEqual([`process ${pid}`])
    handle?.resume()
    witness.look()
    expect(witness.targets()).toContainEqual({ name: 'beacon', inEffect: false, came: 1, went: 1, lost: 0, gone: 0 })
    expect(changedSince(birth, scene)).toEqual([])
  })

  test('a restart ends what is only in memory: nobody took it back, and the machine is as it was born otherwise', () => {
    const scene = sceneOf(7, profileOf(7, 3, linux), now)
    const witness = witnessOf(scene)
    const birth = birthOf(scene)
    const before = targetOf(scene, 'beacon').params
    const path = String(targetOf(scene, 'tool').params['path'])
    scene.machine.remove(path)
    const pid = Number(targetOf(scene, 'beacon').things[0]?.replace('process ', ''))
    modelHost(scene.machine).processes.open(pid)?.suspend()
    witness.look()
    scene.restart()
    witness.restarted()
    witness.look()
    expect(witness.targets()).toContainEqual({ name: 'beacon', inEffect: false, came: 1, went: 0, lost: 1, gone: 0 })
    expect(witness.targets()).toContainEqual({ name: 'tool', inEffect: true, came: 1, went: 0, lost: 0, gone: 0 })
    // Whoever was about to kill this one finds that it is done.
    expect(witness.targets()).toContainEqual({ name: 'miner', inEffect: false, came: 0, went: 0, lost: 0, gone: 1 })
    expect(changedSince(bornAgain(birth, scene), scene)).toEqual([`file ${path}`])
    expect(targetOf(scene, 'beacon').params).not.toEqual(before)
  })

  test('another file in the place of one that was taken is not that file back', () => {
    const scene = sceneOf(7, profileOf(7, 3, linux), now)
    const { params, inEffect } = targetOf(scene, 'tool')
    scene.machine.remove(String(params['path']))
    scene.machine.writeFile(String(params['path']), 'somebody else')
    expect(inEffect()).toBe(true)
  })

  test('is another boot of the same disk when it is switched on again', () => {
    const scene = sceneOf(7, profileOf(7, 3, linux), now)
    const path = String(targetOf(scene, 'tool').params['path'])
    scene.machine.remove(path)
    const off = { boots: 1, disk: saveDisk(scene.machine.disk), heldOverRestart: 'held' }
    const again = sceneOf(7, profileOf(7, 3, linux), now, off)
    expect(changedSince(birthOf(scene), again)).not.toContain(`file ${path}`)
    expect(targetOf(again, 'tool').inEffect()).toBe(true)
    expect(targetOf(again, 'image').inEffect()).toBe(false)
    expect(targetOf(again, 'network').inEffect()).toBe(true)
    expect(again.machine.bootId).not.toBe(scene.machine.bootId)
  })

  test('a single changed byte, mode or name is a difference from its birth', () => {
    const scene = sceneOf(7, profileOf(7, 3, linux), now)
    const birth = birthOf(scene)
    const path = String(targetOf(scene, 'tool').params['path'])
    scene.machine.change(path, { mode: 0o777 })
    scene.machine.writeFile('/etc/new', 'x')
    expect(changedSince(birth, scene)).toEqual(expect.arrayContaining([`file ${path}`, 'file /etc/new']))
  })
})
