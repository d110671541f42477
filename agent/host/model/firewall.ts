import type { Firewall } from '../host.ts'
import { HostError } from '../host.ts'
import { endText, ourTable, tableOf } from './network.ts'
import type { Seat } from './seat.ts'

/** The firewall of the seam on the model machine; both faces have the same. */
export const modelFirewall = (seat: Seat): Firewall => {
  const { machine } = seat
  const { network } = machine

  const lacks = (): HostError | null => {
    if (!machine.hasFirewall) return new HostError('tool_missing', 'no firewall is installed')
    return machine.privileged ? null : new HostError('not_permitted', 'only the system itself may change the firewall')
  }

  const change = () => {
    seat.enter()
    const lack = lacks()
    if (lack !== null) throw lack
  }

  return {
    unable: async () => {
      seat.enter()
      const lack = lacks()
      return lack === null ? null : { code: lack.code, detail: lack.message }
    },
    state: async (rules) => {
      seat.enter()
      const table = network.table(ourTable)
      if (table === null) return 'absent'
      return table === tableOf(rules) ? 'as-ordered' : 'altered'
    },
    foundTable: async () => {
      seat.enter()
      return network.table(ourTable)
    },
    isolate: async (rules) => {
      change()
      network.setTable(ourTable, tableOf(rules))
    },
    release: async (foundTable) => {
      change()
      if (network.table(ourTable) !== foundTable) network.setTable(ourTable, foundTable)
    },
    endConnections: async (rules) => {
      change()
      const ended = new Set(network.elsewhere(rules))
      network.connections = network.connections.filter((connection) => !ended.has(connection))
      return ended.size
    },
    connectionsElsewhere: async (rules) => {
      seat.enter()
      return network.elsewhere(rules).map(({ to }) => endText(to))
    },
    holdOverRestart: async (rules) => {
      change()
      network.heldOverRestart = tableOf(rules)
    },
    forgetOverRestart: async () => {
      change()
      network.heldOverRestart = null
    },
    heldOverRestart: async (rules) => {
      seat.enter()
      return network.heldOverRestart === tableOf(rules)
    },
    watch: (changed) => {
      seat.enter()
      return network.watch(changed)
    },
    probe: async (to) => {
      seat.enter()
      return network.reaches(to) ? 'connected' : 'unreachable'
    },
  }
}
