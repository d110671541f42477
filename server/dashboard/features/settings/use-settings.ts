import { useQueryClient } from '@tanstack/react-query'
import { send } from '../../app/api.ts'
import { type FormWish, useForm } from '../../ui/use-form.ts'
import { useLock } from './part.tsx'
import { type Settings, settingsQuery } from './queries.ts'

/** A form over some of the settings. `read` says what it shows of them, `write` what that means; only what was changed is sent. */
export function useSettings<V extends object>(
  settings: Settings,
  read: (settings: Settings) => V,
  write: (values: V) => Partial<Settings>,
  places: NonNullable<FormWish<V, Settings>['places']> = {},
) {
  const queries = useQueryClient()
  const locked = useLock('security-settings')
  // The revision goes with what was shown, so that the server sees whether somebody else was quicker.
  const kept = { shown: read(settings), revision: settings.revision }
  return useForm({
    kept: { ...kept.shown, revision: kept.revision },
    locked,
    save: (values, before) => {
      const [now, then] = [write(values), write(before)]
      const changed = Object.entries(now).filter(
        ([name, value]) => JSON.stringify(value) !== JSON.stringify(then[name as keyof Settings]),
      )
      return send<Settings>('PATCH', '/v1/settings', { ...Object.fromEntries(changed), revision: before.revision })
    },
    done: (it) => queries.setQueryData(settingsQuery.queryKey, it),
    again: () => queries.invalidateQueries({ queryKey: settingsQuery.queryKey }),
    places,
  })
}
