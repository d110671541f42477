import { actionContract } from '../contract.ts'
import { noVault } from '../scene-contract.ts'
import { action, canary, control, control6, params, world } from './on-model.ts'

const common = {
  name: 'isolate-device',
  platform: 'linux',
  implementation: action,
  // Connections that were ended; the preview and the outcome say so.
  notRestored: ['connections'],
  changes: [
    {
      what: 'somebody loaded a table of their own',
      by: ({ machine }) => machine.setTable('theirs', 'x'),
      found: 'as-left',
    },
    { what: 'somebody took our table away', by: ({ machine }) => machine.tamper(null), found: 'as-left' },
  ],
} as const satisfies Partial<Parameters<typeof actionContract<'isolate-device'>>[0]>

const scenery = {
  params,
  ownFolders: [],
  bounds: { controlPlane: [control, control6], canaries: [canary] },
  openVault: noVault,
  mayChange: (place: string) => ['table recourse', 'heldOverRestart', 'connections'].includes(place),
}

actionContract<'isolate-device'>({
  ...common,
  about: 'a device with rules of its own and connections to both sides',
  scene: () => ({ ...scenery, machine: world().machine }),
})

actionContract<'isolate-device'>({
  ...common,
  about: 'a device on which somebody else has a table of our name',
  changes: [common.changes[0]],
  scene: () => {
    const { machine } = world()
    machine.tamper('not by Recourse')
    return { ...scenery, machine }
  },
})
