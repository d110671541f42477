import { Button, CopyButton } from '@mantine/core'
import { Icon } from './icon.tsx'

/** Puts a text on the clipboard and says that it did. */
export const CopyText = ({ text, label, compact = false }: { text: string; label: string; compact?: boolean }) => (
  <CopyButton value={text} timeout={2_000}>
    {({ copied, copy }) => (
      <Button
        variant={compact ? 'subtle' : 'default'}
        size={compact ? 'xs' : 'sm'}
        leftSection={<Icon name={copied ? 'check' : 'copy'} size={15} />}
        onClick={copy}
      >
        <span aria-live="polite">{copied ? 'Copied' : label}</span>
      </Button>
    )}
  </CopyButton>
)
