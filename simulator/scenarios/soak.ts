import { badWeather, rough } from './flaky-wifi.ts'
import { able, act, allEnded, judgedFromMinutes, type Scenario, type Stage, undoEverything } from './stage.ts'

/** With so many actions the database is larger than what is kept of it in memory, which fills up until then and is no leak. */
const fillingActions = 28_000
const mostRounds = 10

export const soak: Scenario = {
  name: 'soak',
  about: 'Bad weather for as long as asked (--minutes); memory and open files of the control plane must stay flat.',
  needsOwnPlane: false,
  leavesNothing: true,
  minutes: 30,
  staysFlat: true,
  silentMs: 30_000,
  mix: { ...rough, failing: 0.1 },
  async play(stage) {
    if (stage.minutes >= judgedFromMinutes) await makeHistory(stage)
    await badWeather(stage, 'the end of the soak')
  },
}

async function makeHistory(stage: Stage): Promise<void> {
  const members = able(stage, 'dropper')
  const rounds = Math.min(mostRounds, Math.ceil(fillingActions / members.length / 2))
  for (let round = 1; round <= rounds; round++)
    await stage.step(`a history is made, round ${round} of ${rounds}`, async () => {
      await act(stage, 'dropper', members, `history ${round}`)
      await allEnded(stage)
      await undoEverything(stage, `history ${round} is over`)
    })
}
