import { expect, test } from 'vitest'
import { connectionIn, elsewhereFilter } from './connections.ts'

test('[ISO1] spared are the control plane, loopback and this device itself; each word is an argument of its own', () => {
  const rules = {
    reachable: [
      { address: '10.77.0.1', port: 8443 },
      { address: 'fd77::1', port: 8443 },
    ],
  }
  expect(elsewhereFilter(rules, ['127.0.0.1', '10.0.0.7', 'fe80::7', '10.0.0.7'])).toEqual(
    [
      ['state', 'connected', 'exclude', 'time-wait', 'not', '('],
      ['dst', '10.77.0.1:8443', 'or', 'dst', '[fd77::1]:8443', 'or', 'dst', '127.0.0.0/8', 'or', 'dst', '[::1]'],
      ['or', 'dst', '127.0.0.1', 'or', 'dst', '10.0.0.7', 'or', 'dst', '[fe80::7]', ')'],
    ].flat(),
  )
})

test('[TRU6] what is no address gets into no argument', () => {
  expect(() => elsewhereFilter({ reachable: [{ address: '1.2.3.4 or dst', port: 1 }] }, [])).toThrow('no address')
})

test('[LIFE10] a connection is told by its remote end and what of this device holds it', () => {
  const line = 'ESTAB     0      36     10.0.0.2:22   10.0.0.9:50214 users:(("sshd",pid=7,fd=4),("sshd",pid=9,fd=4))'
  expect(connectionIn(line)).toBe('10.0.0.9:50214 (local port 22, sshd)')
  expect(connectionIn('SYN-SENT 0 1 [fd77::2]:40000 [fd77::1]:443')).toBe('[fd77::1]:443 (local port 40000)')
  expect(connectionIn('ESTAB 0 0 [::ffff:10.0.0.2]:22 [::ffff:10.0.0.9]:5 users:(("a\u001b[2Jb",pid=7,fd=4))')).toBe(
    '[::ffff:10.0.0.9]:5 (local port 22, a[2Jb)',
  )
  expect(connectionIn('')).toBeNull()
})
