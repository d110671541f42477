import { Button } from '@mantine/core'
import { type ReactNode, useEffect, useRef } from 'react'
import { CopyText } from './copy.tsx'
import classes from './shown-once.module.css'

/** A secret that nobody can show again: what to do with it, the text, and the way to the clipboard. */
export const ShownOnce = ({
  words,
  text,
  copy,
  close,
  before,
  children,
}: {
  words: ReactNode
  text: string
  /** What the button says. */
  copy: string
  close?: () => void
  /** Between the words and the text. */
  before?: ReactNode
  children?: ReactNode
}) => {
  const box = useRef<HTMLElement>(null)
  // It may come up far from the button that made it.
  useEffect(() => box.current?.focus(), [])
  return (
    <section ref={box} className={classes.shown} role="status" tabIndex={-1}>
      <p>
        <strong>{words}</strong>
      </p>
      {before === undefined ? null : <div>{before}</div>}
      <code className={classes.secret}>{text}</code>
      <div className={classes.ways}>
        <CopyText text={text} label={copy} />
        {children}
        {close === undefined ? null : (
          <Button variant="subtle" size="sm" onClick={close}>
            I have kept it
          </Button>
        )}
      </div>
    </section>
  )
}
