import { Icon } from '../../ui/icon.tsx'
import statuses from '../actions/status.module.css'
import { type Look, stateLook, type Verdict, verdictLooks } from './investigation.ts'

const Mark = ({ look: { word, icon, tone } }: { look: Look }) => (
  <span className={statuses.mark} data-tone={tone}>
    <Icon name={icon} size={16} />
    <span>{word}</span>
  </span>
)

export const StateMark = ({ state }: { state: string }) => <Mark look={stateLook(state)} />
export const VerdictMark = ({ verdict }: { verdict: Verdict }) => <Mark look={verdictLooks[verdict]} />
