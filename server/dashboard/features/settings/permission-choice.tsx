import { Checkbox } from '@mantine/core'
import { actionNames, specOf } from '../../../../protocol/actions/index.ts'
import classes from './permission-choice.module.css'
import { permissionWords } from './permission-words.ts'

interface Choice {
  readonly label: string
  readonly value: readonly string[]
  /** Those that can be given; nobody hands on more than they have. */
  readonly offered: readonly string[]
  readonly change: (value: string[]) => void
  readonly disabled: boolean
  readonly fault: string | undefined
}

const heads = [
  ['respond', 'Ask'],
  ['approve', 'Decide'],
] as const

/** Which permissions: a line for each kind of action with asking and deciding beside it, then all the others. */
export const PermissionChoice = ({ label, value, offered, change, disabled, fault }: Choice) => {
  const chosen = new Set(value)
  const may = new Set(offered)
  const set = (names: readonly string[], on: boolean) => {
    const next = names.filter((it) => may.has(it))
    change(on ? [...new Set([...value, ...next])] : value.filter((it) => !next.includes(it)))
  }
  const box = (name: string, text: string) => (
    <Checkbox
      size="xs"
      aria-label={text}
      disabled={disabled || !may.has(name)}
      checked={chosen.has(name)}
      onChange={(event) => set([name], event.currentTarget.checked)}
    />
  )
  const allOf = (head: string) => actionNames.map((it) => `${head}:${it}`)
  const others = offered.filter((it) => !it.includes(':'))
  const kinds = actionNames.filter((it) =>
    heads.some(([head]) => may.has(`${head}:${it}`) || chosen.has(`${head}:${it}`)),
  )
  return (
    <fieldset aria-invalid={fault === undefined ? undefined : true} tabIndex={fault === undefined ? undefined : -1}>
      <legend>{label}</legend>
      {kinds.length === 0 ? null : (
        <table className={classes.kinds}>
          <thead>
            <tr>
              <th scope="col">Kind of action</th>
              {heads.map(([head, word]) => {
                const all = allOf(head).filter((it) => may.has(it))
                const on = all.filter((it) => chosen.has(it)).length
                return (
                  <th key={head} scope="col">
                    <Checkbox
                      size="xs"
                      label={word}
                      aria-label={`${word}: every kind of action`}
                      disabled={disabled || all.length === 0}
                      checked={all.length > 0 && on === all.length}
                      indeterminate={on > 0 && on < all.length}
                      onChange={(event) => set(all, event.currentTarget.checked)}
                    />
                  </th>
                )
              })}
            </tr>
          </thead>
          <tbody>
            {kinds.map((name) => (
              <tr key={name}>
                <th scope="row">{specOf(name).title}</th>
                {heads.map(([head]) => (
                  <td key={head}>{box(`${head}:${name}`, permissionWords(`${head}:${name}`))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div className={classes.others}>
        {others.map((name) => (
          <Checkbox
            key={name}
            size="xs"
            label={
              <>
                {permissionWords(name)} <code>{name}</code>
              </>
            }
            disabled={disabled}
            checked={chosen.has(name)}
            onChange={(event) => set([name], event.currentTarget.checked)}
          />
        ))}
      </div>
      <p className={classes.fault} role={fault === undefined ? undefined : 'alert'}>
        {fault ?? '\u00a0'}
      </p>
    </fieldset>
  )
}
