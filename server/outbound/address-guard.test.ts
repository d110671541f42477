import { describe, expect, test } from 'vitest'
import { startTestServer } from '../test-app.ts'
import { isWalled, newAddressGuard } from './address-guard.ts'
import { webhookReceiver } from './receivers.ts'
import { frame } from './syslog.ts'

describe('addresses inside are not reached', () => {
  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '0.0.0.0',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fd00::1',
    'fe80::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a00:1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'not an address',
  ])('%s is inside', (address) => expect(isWalled(address)).toBe(true))

  test.each(['1.1.1.1', '172.32.0.1', '2606:4700::1111'])('%s is outside', (address) =>
    expect(isWalled(address)).toBe(false),
  )

  test('a name with one address inside is refused, and a name that changes is connected to as it was checked', async () => {
    const answers = [
      [
        { address: '1.1.1.1', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ],
      [{ address: '1.1.1.1', family: 4 }],
    ]
    const strict = newAddressGuard(new Set(), async () => answers.shift() ?? [])
    expect(await strict.resolve('mixed.example')).toMatchObject({ why: expect.stringContaining('inside') })
    expect(await strict.resolve('fine.example')).toEqual({ address: '1.1.1.1', family: 4 })
    expect(await strict.resolve('gone.example')).toMatchObject({ why: 'gone.example has no address' })
    expect(await strict.resolve('[::1]')).toMatchObject({ why: expect.stringContaining('inside') })
  })

  test('no test and no rule gets behind the walls when nothing is allowed', async () => {
    const receiver = await webhookReceiver()
    const strict = await startTestServer()
    const body = { name: 'x', filter: {}, channel: { kind: 'webhook', url: receiver.url.replace('http:', 'https:') } }
    const made = await strict.call(strict.admin, 'POST', '/v1/notifications', body)
    const answer = await strict.call(strict.admin, 'POST', `/v1/notifications/${made.body.id}/test`)
    expect(answer.body).toMatchObject({ ok: false, why: expect.stringContaining('inside') })
    expect(receiver.heard).toEqual([])
    await receiver.close()
    await strict.close()
  })
})

test('a syslog message says how long it is, and nothing in it can end it', () => {
  const bytes = frame({ at: 0, id: 'action.approved', uid: 'a"]b', text: 'line\n<13>1 forged ü' }, 'host name')
  const text = bytes.toString('utf8')
  const space = text.indexOf(' ')
  expect(Number(text.slice(0, space))).toBe(bytes.length - space - 1)
  expect(text.slice(space + 1)).toBe(
    '<109>1 1970-01-01T00:00:00.000Z hostname recourse - action.approved [recourse@32473 uid="a\\"\\]b"] \ufeffline\n<13>1 forged ü',
  )
})
