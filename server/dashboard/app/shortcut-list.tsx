import { Modal } from '@mantine/core'
import { useShownShortcuts } from './keyboard.ts'
import classes from './shortcut-list.module.css'

/** Every key that does something on this page. */
export const ShortcutList = ({ close }: { close: () => void }) => {
  const shortcuts = useShownShortcuts()
  const groups = Map.groupBy(shortcuts, (it) => it.group)
  return (
    <Modal opened onClose={close} title="Keyboard" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <div className={classes.groups}>
        {[...groups].map(([group, list]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {list.map((it) => (
                <div key={it.keys} className={classes.row}>
                  <dt>{it.label}</dt>
                  <dd>
                    {it.keys.split(' ').map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  )
}
