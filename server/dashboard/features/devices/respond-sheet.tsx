import { Button, Modal, Select, Stack, Switch, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { type ActionName, specOf } from '../../../../protocol/actions/index.ts'
import { useMay } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { type Faults, faultsOf, firstValues, SpecForm, schemaOf, type Values } from '../../ui/spec-form.tsx'
import { toast } from '../../ui/toast.tsx'
import classes from '../actions/deed-sheet.module.css'
import { PlanAnswer } from '../actions/plan.tsx'
import { ask, preview } from '../actions/queries.ts'
import { RiskMark } from '../actions/status.tsx'
import { plural } from '../actions/words.ts'
import { settingsQuery } from '../settings/queries.ts'
import { supportOf } from './capability.ts'
import type { Device } from './queries.ts'

const hour = 3_600_000
const lengths = [
  { value: '', label: 'Until somebody takes it back' },
  { value: String(hour), label: 'For one hour' },
  { value: String(8 * hour), label: 'For eight hours' },
  { value: String(24 * hour), label: 'For a day' },
  { value: String(7 * 24 * hour), label: 'For a week' },
]

/** The keyboard begins in the first field, whatever the action takes, and not on what closes the sheet. */
const beginHere = (form: HTMLFormElement | null) =>
  form?.querySelector('input:not([type=hidden]), textarea')?.setAttribute('data-autofocus', '')

/** Asks for an action on one or many devices, with a form made from its spec. */
export const RespondSheet = ({
  name,
  devices,
  close,
}: {
  name: ActionName
  devices: readonly Device[]
  close: () => void
}) => {
  const spec = specOf(name)
  const navigate = useNavigate()
  const queries = useQueryClient()
  const may = useMay()
  const rules = useQuery(settingsQuery).data
  const schema = useMemo(() => schemaOf(spec.params), [spec])
  const able = devices.filter((it) => supportOf(it, name).support !== 'unsupported' && it.status === 'active')
  const [first] = able
  const known = useMemo((): Values => (first === undefined ? {} : { bootId: first.facts.bootId }), [first])
  const [values, setValues] = useState<Values>(() => firstValues(schema, known))
  const [faults, setFaults] = useState<Faults>(new Map())
  const [comment, setComment] = useState('')
  const [length, setLength] = useState('')
  const mayApprove = may(`approve:${name}`) && (spec.risk === 'safe' || rules?.separationOfDuties === false)
  const [atOnce, setAtOnce] = useState(false)
  const check = (): boolean => {
    const found = faultsOf(spec.params, values)
    setFaults(found)
    return found.size === 0
  }
  const plan = useMutation({
    mutationFn: (device: string) => preview({ kind: 'do', device, action: name, params: values }),
  })
  const request = useMutation({
    mutationFn: () =>
      ask({
        action: name,
        targets: [{ devices: able.map((it) => it.id), params: values }],
        comment: comment.trim(),
        approve: atOnce && mayApprove,
        ...(length === '' ? {} : { until: Date.now() + Number(length) }),
      }),
    onSuccess: ({ actions }) => {
      const open = actions.filter((it) => it.alreadyOpen).length
      const pending = actions.filter((it) => it.status === 'pending-approval').length
      toast({
        message:
          open === actions.length
            ? 'The same was asked for before and is still open; here it is.'
            : pending > 0
              ? `${spec.title}: asked on ${plural(actions.length, 'device')}. It waits for approval.`
              : `${spec.title}: on its way to ${plural(actions.length, 'device')}.`,
      })
      for (const key of ['pending-count', 'summary', 'of-device', 'list'])
        void queries.invalidateQueries({ queryKey: ['actions', key] })
      close()
      const [only] = actions
      if (actions.length === 1 && only !== undefined) void navigate({ to: '.', search: { action: only.id } as never })
      else if (only !== undefined)
        void navigate({ to: '/actions/$view', params: { view: 'history' }, search: { batch: only.batch } as never })
    },
  })
  const where = able.length === 1 ? visible(able[0]?.name ?? '') : plural(able.length, 'device')
  return (
    <Modal
      opened
      onClose={close}
      title={`${spec.title} on ${where}`}
      size={560}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        ref={beginHere}
        className={classes.sheet}
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          if (check() && comment.trim() !== '') request.mutate()
        }}
      >
        <p>
          {spec.description} <RiskMark risk={spec.risk} />
        </p>
        {'irreversible' in spec.undo ? (
          <p className={classes.note}>
            <Icon name="warning" size={16} />
            <span>{spec.undo.irreversible}</span>
          </p>
        ) : null}
        <Left devices={devices} able={able} name={name} />
        <SpecForm schema={schema} values={values} change={setValues} faults={faults} known={known} />
        <Stack gap="sm">
          {'inverse' in spec.undo ? (
            <Select
              label="How long"
              description="A time-boxed effect takes itself back on the device, even when it is offline then"
              data={lengths}
              value={length}
              allowDeselect={false}
              onChange={(it) => setLength(it ?? '')}
            />
          ) : null}
          <Textarea
            label="Why?"
            description="Stays with the action for ever, and in the audit chain"
            autosize
            minRows={2}
            maxRows={6}
            maxLength={4_000}
            required
            withAsterisk={false}
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
          />
          {mayApprove ? (
            <Switch
              label="Approve at once"
              description="Without it the action waits under Pending"
              checked={atOnce}
              onChange={(event) => setAtOnce(event.currentTarget.checked)}
            />
          ) : null}
        </Stack>
        {plan.data === undefined ? null : (
          <div aria-live="polite">
            <PlanAnswer preview={plan.data} />
          </div>
        )}
        {plan.error === null ? null : <Trouble error={plan.error} />}
        {request.error === null ? null : <Trouble error={request.error} />}
        <div className={classes.buttons}>
          <Button
            variant="default"
            leftSection={<Icon name="eye" size={15} />}
            loading={plan.isPending}
            disabled={able.length === 0}
            onClick={() => {
              if (check() && first !== undefined) plan.mutate(first.id)
            }}
          >
            Preview{able.length > 1 && first !== undefined ? ` on ${visible(first.name)}` : ''}
          </Button>
          <Button type="submit" loading={request.isPending} disabled={able.length === 0 || comment.trim() === ''}>
            {atOnce && mayApprove ? spec.title : `Ask to ${spec.title.toLowerCase()}`}
          </Button>
        </div>
      </form>
    </Modal>
  )
}

/** Who is left out, and why; who is absent now. */
const Left = ({ devices, able, name }: { devices: readonly Device[]; able: readonly Device[]; name: ActionName }) => {
  const out = devices.filter((it) => !able.includes(it))
  const absent = able.filter((it) => !it.connected)
  const unproven = able.filter((it) => supportOf(it, name).support === 'unproven')
  const notes = [
    ...out
      .slice(0, 5)
      .map(
        (it) =>
          `${visible(it.name)} is left out: ${it.status === 'active' ? visible(supportOf(it, name).reason) : it.status}`,
      ),
    ...(out.length > 5 ? [`and ${out.length - 5} more are left out`] : []),
    ...(absent.length === 0
      ? []
      : [
          `${absent.length === 1 ? visible(absent[0]?.name ?? '') : plural(absent.length, 'device')} not connected now; the order waits for it`,
        ]),
    ...unproven.slice(0, 3).map((it) => `${visible(it.name)}, unproven: ${visible(supportOf(it, name).reason)}`),
  ]
  return notes.map((note) => (
    <p key={note} className={classes.note}>
      <Icon name="info" size={16} />
      <span>{note}</span>
    </p>
  ))
}
