import classes from './plain-text.module.css'

// Signs that change how others are shown, or show nothing: a name that uses them could pretend to be another one.
const deceiving = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const escape = (sign: string): string =>
  sign === '\n' ? '\\n' : sign === '\t' ? '\\t' : `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`

/** Text from devices or strangers with every sign that could deceive written out. */
export const visible = (text: string): string => text.replace(deceiving, escape)

/** A path or other long target, cut in the middle: its end says more than its beginning. */
export const PathText = ({ text }: { text: string }) => {
  const shown = visible(text)
  const cut = Math.max(shown.lastIndexOf('/'), shown.lastIndexOf('\\'))
  const head = cut > 0 && cut < shown.length - 1 ? shown.slice(0, cut) : ''
  return (
    <bdi className={classes.path} title={shown}>
      {head === '' ? null : <span className={classes.head}>{head}</span>}
      <span className={classes.tail}>{shown.slice(head.length)}</span>
    </bdi>
  )
}
