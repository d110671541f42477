import type { Host } from '../host.ts'
import { modelFiles } from './files.ts'
import { modelFirewall } from './firewall.ts'
import type { ModelMachine } from './machine.ts'
import { modelProcesses } from './processes.ts'
import { seatOn } from './seat.ts'

/** The seam, on a model machine. Good until the machine restarts; several may be made of one machine. */
export const modelHost = (machine: ModelMachine): Host => {
  const seat = seatOn(machine)
  const entered = <T>(answer: () => T): T => {
    seat.enter()
    return answer()
  }
  return {
    platform: machine.platform,
    machine: {
      bootId: () => entered(() => machine.bootId),
      bootTimeMs: () => entered(() => machine.bootTimeMs),
      nowMs: () => entered(() => machine.nowMs),
      privileged: () => entered(() => machine.privileged),
      facts: () => entered(() => factsOf(machine)),
      protects: (_path, file) => entered(() => machine.protects(file)),
      owningPackage: (path) => entered(() => machine.packages.get(path) ?? null),
    },
    files: modelFiles(seat),
    processes: modelProcesses(seat),
    firewall: modelFirewall(seat),
  }
}

const factsOf = ({ platform, hostName }: ModelMachine) => ({
  osName: platform === 'linux' ? 'Model Linux' : 'Model Windows',
  osVersion: '1',
  hostName,
  architecture: 'x64',
  addresses: ['192.0.2.10', '2001:db8::10'],
})
