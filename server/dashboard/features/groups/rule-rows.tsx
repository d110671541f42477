import { ActionIcon, Button, Select, TextInput } from '@mantine/core'
import { Icon } from '../../ui/icon.tsx'
import { operators, properties, type RuleRow } from './group.ts'
import classes from './groups.module.css'

const first: RuleRow = { property: 'name', operator: 'starts-with', value: '' }
const mostRows = 40

/** The rows of a rule. Those on one property are alternatives; different properties must all agree. */
export const RuleRows = ({
  rule,
  change,
  disabled,
  fault,
}: {
  rule: readonly RuleRow[]
  change: (rule: readonly RuleRow[]) => void
  disabled: boolean
  fault: string | undefined
}) => {
  const set = (at: number, next: Partial<RuleRow>) =>
    change(rule.map((row, index) => (index === at ? { ...row, ...next } : row)))
  return (
    <fieldset aria-invalid={fault === undefined ? undefined : true} tabIndex={fault === undefined ? undefined : -1}>
      <legend>Devices whose</legend>
      <div className={classes.rows}>
        {rule.map((row, at) => (
          // A row has no name of its own; its place is what it is.
          // biome-ignore lint/suspicious/noArrayIndexKey: rows are only added at the end
          <div key={at} className={classes.row}>
            <Select
              size="xs"
              aria-label={`Property of row ${at + 1}`}
              allowDeselect={false}
              disabled={disabled}
              data={properties}
              value={row.property}
              onChange={(it) => set(at, { property: (it ?? 'name') as RuleRow['property'] })}
            />
            <Select
              size="xs"
              aria-label={`Comparison of row ${at + 1}`}
              allowDeselect={false}
              disabled={disabled}
              data={operators}
              value={row.operator}
              onChange={(it) => set(at, { operator: (it ?? 'equals') as RuleRow['operator'] })}
            />
            <TextInput
              size="xs"
              aria-label={`Value of row ${at + 1}`}
              disabled={disabled}
              value={row.value}
              onChange={(event) => set(at, { value: event.currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`Remove row ${at + 1}`}
              disabled={disabled || rule.length === 1}
              onClick={() => change(rule.filter((_, index) => index !== at))}
            >
              <Icon name="close" size={15} />
            </ActionIcon>
          </div>
        ))}
      </div>
      {disabled ? null : (
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<Icon name="plus" size={14} />}
          disabled={rule.length >= mostRows}
          onClick={() => change([...rule, first])}
        >
          One more row
        </Button>
      )}
      <p
        className={fault === undefined ? classes.hint : classes.fault}
        role={fault === undefined ? undefined : 'alert'}
      >
        {fault ?? 'Rows on the same property are alternatives; different properties must all agree.'}
      </p>
    </fieldset>
  )
}

export const firstRule: readonly RuleRow[] = [first]
