import { Textarea } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { Form } from '../../ui/form.tsx'
import { Exclusions } from './exclusions.tsx'
import classes from './part.module.css'
import { Card } from './part.tsx'
import type { Settings } from './queries.ts'
import { useSettings } from './use-settings.ts'
import { WithSettings } from './with-settings.tsx'

/** What automation never touches, and which folders it asks about. */
export const Automation = () => (
  <>
    <Exclusions />
    <WithSettings Body={Folders} />
  </>
)

interface Shown {
  readonly linuxCore: string
  readonly linuxTemporary: string
  readonly windowsCore: string
  readonly windowsTemporary: string
}

const lines = (of: readonly string[]): string => of.join('\n')
const patterns = (text: string): string[] =>
  text
    .split('\n')
    .map((it) => it.trim())
    .filter((it) => it !== '')

const read = ({ folderLists: { linux, windows } }: Settings): Shown => ({
  linuxCore: lines(linux.core),
  linuxTemporary: lines(linux.temporary),
  windowsCore: lines(windows.core),
  windowsTemporary: lines(windows.temporary),
})

const write = (it: Shown): Partial<Settings> => ({
  folderLists: {
    linux: { core: patterns(it.linuxCore), temporary: patterns(it.linuxTemporary) },
    windows: { core: patterns(it.windowsCore), temporary: patterns(it.windowsTemporary) },
  },
})

const places = {
  'folderLists/linux/core': 'linuxCore',
  'folderLists/linux/temporary': 'linuxTemporary',
  'folderLists/windows/core': 'windowsCore',
  'folderLists/windows/temporary': 'windowsTemporary',
} as const

const Folders = ({ settings }: { settings: Settings }) => {
  const form = useSettings(settings, read, write, places)
  const list = (name: keyof Shown, label: string) => (
    <Textarea
      {...form.text(name)}
      label={label}
      autosize
      minRows={4}
      maxRows={14}
      spellCheck={false}
      autoCapitalize="none"
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
    />
  )
  return (
    <Card
      title="Core and temporary folders"
      about={
        <>
          Two of the levels of <Link to="/groups">device groups</Link> go by them: one asks before touching core
          folders, the other before touching anything outside temporary ones. One folder on a line, and all below it; *
          stands for one name. Windows folders without the drive. What waits for approval is decided anew when they
          change.
        </>
      }
    >
      <Form form={form} save="Save" wide>
        <div className={classes.pair}>
          {list('linuxCore', 'Linux, core')}
          {list('linuxTemporary', 'Linux, temporary')}
          {list('windowsCore', 'Windows, core')}
          {list('windowsTemporary', 'Windows, temporary')}
        </div>
      </Form>
    </Card>
  )
}
