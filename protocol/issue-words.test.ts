import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { issueWords } from './issue-words.ts'

const form = z.strictObject({
  name: z.string().min(1).max(5),
  password: z.string().min(12, 'at least 12 characters'),
  days: z.int().min(1).max(30),
  to: z.array(z.email()).min(1).max(2),
  url: z.url(),
  level: z.enum(['low', 'high']),
  host: z.string().regex(/^[a-z]+$/),
})
const good = {
  name: 'ada',
  password: 'correct horse battery',
  days: 3,
  to: ['a@example.org'],
  url: 'https://example.org',
  level: 'low',
  host: 'here',
}
const said = (value: object): string[] => {
  const read = form.safeParse({ ...good, ...value })
  return read.success ? [] : read.error.issues.map((it) => issueWords({ ...it }))
}

describe('what a schema finds wrong is told to people', () => {
  test.each([
    [{ name: '' }, 'Needed.'],
    [{ name: undefined }, 'Needed.'],
    [{ name: 'too long' }, 'At most 5 characters.'],
    [{ name: 7 }, 'Not the kind of value that belongs here.'],
    [{ password: 'short' }, 'At least 12 characters.'],
    [{ days: 0 }, 'At least 1.'],
    [{ days: 31 }, 'At most 30.'],
    [{ to: [] }, 'Name at least one.'],
    [{ to: ['a@b.example', 'c@d.example', 'e@f.example'] }, 'At most 2 of them.'],
    [{ to: ['nobody'] }, 'Not an e-mail address.'],
    [{ url: 'nowhere' }, 'Not a web address, such as https://example.org/hook.'],
    [{ level: 'none' }, 'Not one of the choices.'],
    [{ host: 'UP' }, 'Not in the form that belongs here.'],
    [{ more: 1 }, 'Something was sent that this version does not know.'],
  ])('%j: %s', (value, words) => {
    expect(said(value)).toEqual([words])
  })

  test('and nothing is said of what is right', () => {
    expect(said({})).toEqual([])
  })
})
