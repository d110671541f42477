import type { ClipboardEvent } from 'react'
import classes from './plain-text.module.css'

// Signs that change how others are shown, or show nothing: a name that uses them could pretend to be another one.
const deceiving = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const escape = (sign: string): string =>
  sign === '\n' ? '\\n' : sign === '\t' ? '\\t' : `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`

/** Text from devices or strangers with every sign that could deceive written out. */
export const visible = (text: string): string => text.replace(deceiving, escape)

/** Shorter names are cut at their end, as what stands there is most of them. */
const longName = 14
/** What is never cut: the number of a device, the last name of a person, the ending of a file. Marks stay with the sign they stand on. */
const lastSigns = /(?:\P{M}\p{M}*){1,8}$/u

/** What is cut into parts to be shown is copied in one piece. */
const copyWhole = (event: ClipboardEvent<HTMLElement>) => {
  const chosen = window.getSelection()
  if (chosen === null || [chosen.anchorNode, chosen.focusNode].some((it) => !event.currentTarget.contains(it))) return
  event.clipboardData.setData('text/plain', chosen.toString().replaceAll('\n', ''))
  event.preventDefault()
}

const Name = ({ name }: { name: string }) => {
  const end = name.length > longName ? (lastSigns.exec(name)?.[0] ?? '') : ''
  return (
    <>
      <span className={classes.stem}>{name.slice(0, name.length - end.length)}</span>
      {end === '' ? null : <span className={classes.end}>{end}</span>}
    </>
  )
}

/** A name, cut in the middle where there is no room: its end tells it from others of its kind. */
export const NameText = ({ text }: { text: string }) => (
  <bdi className={classes.line} title={visible(text)} onCopy={copyWhole}>
    <Name name={visible(text)} />
  </bdi>
)

/** A path or other long target: first its folder is cut, then the middle of its name. */
export const PathText = ({ text }: { text: string }) => {
  const shown = visible(text)
  const cut = Math.max(shown.lastIndexOf('/'), shown.lastIndexOf('\\'))
  const folder = cut > 0 && cut < shown.length - 1 ? shown.slice(0, cut) : ''
  return (
    <bdi className={classes.line} title={shown} onCopy={copyWhole}>
      {folder === '' ? null : <span className={classes.folder}>{folder}</span>}
      <Name name={shown.slice(folder.length)} />
    </bdi>
  )
}
