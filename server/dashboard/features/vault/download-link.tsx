import { useMe } from '../../app/session.ts'
import { visible } from '../../ui/plain-text.tsx'
import { copyAddress } from './vault.ts'

/** To a copy that is here. The server gives it a name that nothing opens by itself. */
export const DownloadLink = ({ action, name }: { action: string; name: string }) => {
  const me = useMe()
  return me?.permissions.includes('collected-download') === true ? (
    <a
      href={copyAddress(action)}
      download
      aria-label={`Download ${visible(name)}`}
      title="As dangerous as it was: open it only where nothing can happen"
      onClick={(event) => event.stopPropagation()}
    >
      Download
    </a>
  ) : (
    <span title="Your role does not let you download it">here</span>
  )
}
