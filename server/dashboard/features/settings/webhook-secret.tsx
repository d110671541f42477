import { ShownOnce } from '../../ui/shown-once.tsx'

/** What the receiver of a webhook checks signatures with. */
export const WebhookSecret = ({ text, close }: { text: string; close: () => void }) => (
  <ShownOnce
    words="The receiver checks with this secret that a message is from here. It is shown only now."
    text={text}
    copy="Copy the secret"
    close={close}
  />
)
