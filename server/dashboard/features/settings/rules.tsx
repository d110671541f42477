import { Button, NumberInput, SegmentedControl, Switch, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { send } from '../../app/api.ts'
import { useMay } from '../../app/session.ts'
import { Form } from '../../ui/form.tsx'
import { toast } from '../../ui/toast.tsx'
import classes from './part.module.css'
import { Card } from './part.tsx'
import { limitsQuery, type Settings } from './queries.ts'
import { useSettings } from './use-settings.ts'
import { WithSettings } from './with-settings.tsx'

/** Who must agree, how large a request may be, and how it goes out. */
export const Rules = () => (
  <>
    <WithSettings Body={Deciding} />
    <Limits />
    <MandateKey />
  </>
)

interface Shown {
  readonly separationOfDuties: boolean
  readonly destructiveApprovals: string
  readonly approvalDays: number | null
  readonly queueDays: number | null
  readonly batchLimit: number | null
  readonly rolloutFrom: number | null
  readonly rolloutWaves: string
  readonly rolloutFailurePercent: number | null
}

const read = (it: Settings): Shown => ({
  separationOfDuties: it.separationOfDuties,
  destructiveApprovals: String(it.destructiveApprovals),
  approvalDays: it.approvalDays,
  queueDays: it.queueDays,
  batchLimit: it.batchLimit,
  rolloutFrom: it.rolloutFrom,
  rolloutWaves: it.rolloutWaves.join(', '),
  rolloutFailurePercent: it.rolloutFailurePercent,
})

const write = ({ destructiveApprovals, rolloutWaves, ...rest }: Shown) =>
  ({
    separationOfDuties: rest.separationOfDuties,
    destructiveApprovals: destructiveApprovals === '2' ? 2 : 1,
    approvalDays: rest.approvalDays,
    queueDays: rest.queueDays,
    batchLimit: rest.batchLimit,
    rolloutFrom: rest.rolloutFrom,
    rolloutWaves: rolloutWaves
      .split(/[\s,;%]+/)
      .filter((it) => it !== '')
      .map(Number),
    rolloutFailurePercent: rest.rolloutFailurePercent,
  }) as Partial<Settings>

const Deciding = ({ settings }: { settings: Settings }) => {
  const form = useSettings(settings, read, write)
  const { separationOfDuties, destructiveApprovals } = form.values
  return (
    <Card title="Who decides" about="It holds for everybody, at once, and every change is in the audit chain.">
      <Form form={form} save="Save">
        <Switch
          {...form.toggle('separationOfDuties')}
          label="Whoever asks does not approve"
          description="For everything that is not safe. Switch it off only where one person works alone."
        />
        <fieldset>
          <legend>People who must approve a destructive action</legend>
          <SegmentedControl
            mt={6}
            mb={10}
            size="xs"
            aria-label="People who must approve a destructive action"
            disabled={form.locked !== null}
            data={['1', '2']}
            value={destructiveApprovals}
            onChange={(it) => form.put('destructiveApprovals', it)}
          />
        </fieldset>
        <dl className={classes.facts} aria-label="Approvals by risk">
          <dt>Safe</dt>
          <dd>one person, who may be the one who asked</dd>
          <dt>Disruptive</dt>
          <dd>one person{separationOfDuties ? ', not the one who asked' : ', who may be the one who asked'}</dd>
          <dt>Destructive</dt>
          <dd>
            {destructiveApprovals === '2' ? 'two different people' : 'one person'}
            {separationOfDuties ? ', not the one who asked' : ''}, after typing a word
          </dd>
        </dl>
        <h2 className={classes.section}>Waiting</h2>
        <div className={classes.pair}>
          <NumberInput
            {...form.number('approvalDays', { hint: 'Silence is rejection.' })}
            label="Days until a request expires"
          />
          <NumberInput
            {...form.number('queueDays', { hint: 'Then it has to be asked for again.' })}
            label="Days an order waits for a device"
          />
        </div>
        <h2 className={classes.section}>Many devices at once</h2>
        <NumberInput
          {...form.number('batchLimit', { hint: 'A larger request is refused, not cut.' })}
          label="Most actions of one request"
        />
        <div className={classes.pair}>
          <NumberInput
            {...form.number('rolloutFrom', { hint: 'More devices than this.' })}
            label="Goes out in waves from"
          />
          <NumberInput
            {...form.number('rolloutFailurePercent', { hint: 'Then a person decides.' })}
            label="Halts when more percent failed"
          />
        </div>
        <TextInput
          {...form.text('rolloutWaves', { hint: 'How much is out after each wave; the last is 100.' })}
          label="Waves, in percent"
        />
      </Form>
    </Card>
  )
}

const Limits = () => {
  const limits = useQuery(limitsQuery).data
  return (
    <Card
      title="Limits of calls and tries"
      about="Set when the control plane is started, not here. Whoever meets one is told how long to wait."
    >
      {limits === undefined ? null : (
        <dl className={classes.facts}>
          <dt>A token or API client</dt>
          <dd>
            {limits.perMinute.toLocaleString()} calls a minute, {limits.perHour.toLocaleString()} an hour
          </dd>
          <dt>A session of a person</dt>
          <dd>{limits.sessionPerMinute.toLocaleString()} calls a minute</dd>
          <dt>Tries to sign in</dt>
          <dd>
            in {limits.signIn.windowMinutes} minutes: {limits.signIn.pair} for one name from one address,{' '}
            {limits.signIn.client} from one address, {limits.signIn.name} for one name from everywhere
          </dd>
        </dl>
      )}
    </Card>
  )
}

const MandateKey = () => {
  const may = useMay()
  const rotate = useMutation({
    mutationFn: () => send<{ keyId: string }>('POST', '/v1/keys/rotate'),
    onSuccess: ({ keyId }) => toast({ message: `Orders are signed with the new key ${keyId} from now on.` }),
    onError: (error) => toast({ error }),
  })
  if (!may('security-settings')) return null
  return (
    <Card
      title="Mandate key"
      about="Every order is signed with it. A new key is vouched for by the old one, and devices learn it as soon as they connect."
    >
      <Button size="xs" variant="default" loading={rotate.isPending} onClick={() => rotate.mutate()}>
        Make a new key
      </Button>
    </Card>
  )
}
