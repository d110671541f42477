import type { FilePath } from '../../../protocol/file-path.ts'
import { hostContract } from '../contract.ts'
import { modelHost } from './host.ts'
import { modelMachine } from './machine.ts'

for (const platform of ['linux', 'windows'] as const) {
  hostContract(`the model machine, ${platform} face`, async () => {
    const machine = modelMachine({ platform, seed: 1 })
    const root = machine.disk.path(platform === 'linux' ? '/work' : 'C:\\work')
    const elsewhere = machine.disk.path(platform === 'linux' ? '/other' : 'D:\\other')
    machine.mkdir(root)
    machine.mount(platform === 'linux' ? '/other' : 'D:')
    machine.mkdir(elsewhere)
    const content = new TextEncoder().encode('a program')
    return {
      host: modelHost(machine),
      folder: root,
      elsewhere,
      agentPid: machine.agentPid,
      others: {
        write: (path, bytes) => void machine.writeFile(path, bytes),
        writeAt: (path, bytes, position) => machine.writeAt(path, bytes, position),
        read: (path) => machine.readFile(path),
        mkdir: (path) => void machine.mkdir(path),
        symlink: (path, pointsTo) => void machine.symlink(path, pointsTo),
        link: (path, newPath) => machine.link(path, newPath),
        fifo: platform === 'linux' ? (path) => void machine.special(path, 'fifo') : null,
        rename: (from, to) => machine.rename(from, to),
        remove: (path) => machine.remove(path),
        exists: (path) => machine.exists(path),
        program: (path) => {
          machine.writeFile(path, content)
          return content
        },
        run: async (path: FilePath, how = {}) => {
          const pid = machine.spawnProcess({ image: path })
          for (let child = 0; child < (how.children ?? 0); child++) machine.fork(pid)
          return pid
        },
        end: async (pid) => machine.exit(pid),
      },
      [Symbol.asyncDispose]: async () => {},
    }
  })
}
