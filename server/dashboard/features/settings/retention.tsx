import { NumberInput } from '@mantine/core'
import { Form } from '../../ui/form.tsx'
import classes from './part.module.css'
import { Card } from './part.tsx'
import type { Settings } from './queries.ts'
import { useSettings } from './use-settings.ts'
import { WithSettings } from './with-settings.tsx'

/** How long things are kept. */
export const Retention = () => (
  <>
    <WithSettings Body={Kept} />
    <Card title="What is kept for as long as it is needed">
      <dl className={classes.facts}>
        <dt>Audit chain</dt>
        <dd>
          For ever: an entry that is missing breaks the proof of all that follow. Export it, or forward it, to keep a
          copy elsewhere.
        </dd>
        <dt>What is in force</dt>
        <dd>An action stays in the history for as long as its effect holds, however old it is.</dd>
        <dt>Vaults</dt>
        <dd>
          Each device keeps what it quarantined until it is given back and a week has passed, or until somebody asks for
          the action that purges it.
        </dd>
      </dl>
    </Card>
  </>
)

interface Shown {
  readonly historyDays: number | null
  readonly alertDays: number | null
  readonly collectedDays: number | null
  readonly collectMebibytes: number | null
}

const read = ({ historyDays, alertDays, collectedDays, collectMebibytes }: Settings): Shown => ({
  historyDays,
  alertDays,
  collectedDays,
  collectMebibytes,
})
const write = (shown: Shown) => shown as Partial<Settings>

const Kept = ({ settings }: { settings: Settings }) => {
  const form = useSettings(settings, read, write)
  return (
    <Card
      title="What is forgotten"
      about="Once an hour, what is older than this is deleted here. Nothing brings it back."
    >
      <Form form={form} save="Save">
        <NumberInput
          {...form.number('historyDays', { hint: 'Ended actions, with their approvals.' })}
          label="Days that the history is kept"
        />
        <NumberInput
          {...form.number('alertDays', { hint: 'Alerts, ended investigations with their evidence, ended rollouts.' })}
          label="Days that alerts are kept"
        />
        <NumberInput
          {...form.number('collectedDays', { hint: 'Copies of quarantined files that were requested.' })}
          label="Days that requested files are kept"
        />
        <NumberInput
          {...form.number('collectMebibytes', { hint: 'In MiB. Larger ones are refused.' })}
          label="Largest file that can be requested"
        />
      </Form>
    </Card>
  )
}
