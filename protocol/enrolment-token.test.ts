import { expect, test } from 'vitest'
import { formatEnrolmentToken, parseEnrolmentToken } from './enrolment-token.ts'

const token = { id: '0123456789abcdef', secret: 'A'.repeat(42) + '-', pin: 'b'.repeat(42) + '_' }

test('[TRU1] a token is read as it was written', () => {
  expect(parseEnrolmentToken(formatEnrolmentToken(token))).toEqual(token)
})

test('nothing else is a token', () => {
  const text = formatEnrolmentToken(token)
  for (const other of [
    '',
    text.slice(1),
    `${text} `,
    text.slice(0, -1),
    `${text}x`,
    text.replace('rce1', 'rce2'),
    `\n${text}`,
  ])
    expect(parseEnrolmentToken(other)).toBeNull()
})
