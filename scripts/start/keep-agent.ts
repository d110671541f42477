import { exitCodes } from '../../agent/commands/endings.ts'
import { type AgentPlace, type AgentProcess, type Ended, startAgentProcess } from './agent-process.ts'

/** An agent that is started again when it ends by itself, as its service would do on a device. */
export interface KeptAgent {
  pid(): number
  stop(): Promise<void>
}

const shortestPauseMs = 1_000
const longestPauseMs = 30_000
/** Whoever ran as long as this is started again at once. */
const settledMs = 60_000

/** Keeps an agent running until it is stopped; `tell` hears, in sentences, when it ended and what follows. */
export function keepAgent(place: AgentPlace, tell: (sentence: string) => void): KeptAgent {
  let stopping = false
  let pauseMs = shortestPauseMs
  let waiting: NodeJS.Timeout | undefined
  let agent: AgentProcess = start()

  function start(): AgentProcess {
    const began = performance.now()
    const started = startAgentProcess(place)
    void started.ended.then((end) => {
      if (stopping) return
      if (performance.now() - began > settledMs) pauseMs = shortestPauseMs
      tell(`The agent has ended (${wordsFor(end)}); it is started again in ${pauseMs / 1_000} s. Its log: ${place.log}`)
      waiting = setTimeout(() => (agent = start()), pauseMs)
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    })
    return started
  }

  return {
    pid: () => agent.pid,
    stop: async () => {
      stopping = true
      clearTimeout(waiting)
      await agent.stop()
    },
  }
}

function wordsFor({ status, signal }: Ended): string {
  if (signal !== null) return signal
  const known = Object.values(exitCodes).find(({ code }) => code === status)
  return known === undefined ? `exit code ${status}` : known.meaning
}
