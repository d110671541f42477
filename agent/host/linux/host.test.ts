import { realpathSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type FilePath, isWithin, toFilePath } from '../../../protocol/file-path.ts'
import { modelHost } from '../model/host.ts'
import { modelMachine } from '../model/machine.ts'
import { linuxHost } from './host.ts'

const { firewall } = modelHost(modelMachine({ platform: 'linux', seed: 1 }))

/** What every host promises is in contract.test.ts; here is how the parts of this one are joined. */
test('the host of this machine speaks of one boot, one agent, and the firewall it was given', () => {
  const image = toFilePath(realpathSync(process.execPath))
  if (image === null) throw new Error('the running program has no plain path')
  const host = linuxHost({ agentPaths: [image], firewall })
  expect(host.platform).toBe('linux')
  expect(host.firewall).toBe(firewall)
  using agent = host.processes.open(process.pid)
  expect(agent?.facts()).toMatchObject({ image, bootId: host.machine.bootId() })
  const { directory, name } = host.files.openParent(image)
  using folder = directory
  using file = folder.openFile(name)
  expect(isWithin(image, folder.path)).toBe(true)
  expect(host.machine.protects('/another/name' as FilePath, file.identity)).toBe('it belongs to the agent')
})
