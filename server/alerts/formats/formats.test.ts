import { describe, expect, test } from 'vitest'
import { fromEcs } from './ecs.ts'
import type { Mapped } from './mapped.ts'
import { fromOcsf } from './ocsf.ts'
import { fromWazuh } from './wazuh.ts'

const digest = 'c0ffee'.padEnd(64, '0')

const wazuh = {
  timestamp: '2026-11-20T10:00:00.000+0000',
  rule: { level: 12, description: 'File added to the system.', id: '554', groups: ['syscheck'] },
  agent: { id: '003', name: 'web-01', ip: '192.0.2.10' },
  id: '1795168800.12345',
  syscheck: { path: '/tmp/dropper', sha256_after: digest.toUpperCase(), event: 'added' },
  data: { srcip: '198.51.100.7', dstuser: 'ann' },
}

const ecs = {
  '@timestamp': '2026-11-20T10:00:00Z',
  event: { id: 'abc', kind: 'signal', severity: 73 },
  rule: { name: 'Dropper' },
  host: { name: 'web-01' },
  file: { path: 'C:\\Users\\ann\\x.exe', size: 12, hash: { sha256: digest } },
  process: { pid: 42, executable: '/tmp/dropper', hash: { sha256: 'short' }, command_line: 'dropper --now' },
  user: { name: 'ann', domain: 'SHOP' },
  destination: { ip: '2001:db8::7', port: 443 },
}

const ocsf = {
  class_uid: 2004,
  time: 1_795_168_800_000,
  severity_id: 4,
  verdict_id: 2,
  finding_info: { uid: 'f-1', title: 'Known dropper' },
  device: { hostname: 'web-01' },
  evidences: [
    {
      file: {
        path: '/tmp/dropper',
        hashes: [
          { algorithm_id: 1, value: 'md5' },
          { algorithm_id: 3, value: digest },
        ],
      },
    },
    {
      process: { pid: 42, file: { path: '/tmp/dropper' } },
      dst_endpoint: { ip: '198.51.100.7' },
      url: { url_string: 'http://x.example/' },
    },
  ],
}

const alertOf = (read: Mapped) => {
  if (!read.ok) throw new Error(read.reason)
  return read.alert
}

describe('alerts from elsewhere', () => {
  test('[POL5] a Wazuh alert keeps file, address and account, and is at most suspicious', () => {
    const alert = alertOf(fromWazuh(wazuh))
    expect(alert).toMatchObject({
      source: 'wazuh',
      key: '1795168800.12345',
      device: 'web-01',
      severity: 'high',
      at: 1_795_168_800_000,
    })
    expect(alert.evidence.map(({ item, verdict }) => [item.kind, verdict])).toEqual([
      ['file', 'suspicious'],
      ['address', 'suspicious'],
      ['account', 'unknown'],
    ])
    expect(alert.evidence[0]?.item).toEqual({ kind: 'file', path: '/tmp/dropper', sha256: digest })
  })

  test('[POL5] a file that Wazuh saw deleted is no target any more', () => {
    const alert = alertOf(fromWazuh({ ...wazuh, syscheck: { ...wazuh.syscheck, event: 'deleted' } }))
    expect(alert.evidence.map(({ item }) => item.kind)).toEqual(['address', 'account'])
  })

  test('[POL5] an ECS signal keeps file, process, account and address; a hash that is none is dropped', () => {
    const alert = alertOf(fromEcs(ecs))
    expect(alert.evidence.map(({ item }) => item)).toEqual([
      { kind: 'file', path: 'C:\\Users\\ann\\x.exe', sha256: digest, sizeBytes: 12 },
      { kind: 'process', pid: 42, image: '/tmp/dropper', commandLine: 'dropper --now' },
      { kind: 'account', name: 'ann', domain: 'SHOP' },
      { kind: 'address', address: '2001:db8::7', port: 443 },
    ])
  })

  test('[POL5] an OCSF finding brings its own verdict', () => {
    const alert = alertOf(fromOcsf(ocsf))
    expect(alert.evidence.map(({ item, verdict }) => [item.kind, verdict])).toEqual([
      ['file', 'malicious'],
      ['process', 'malicious'],
      ['address', 'malicious'],
      ['url', 'malicious'],
    ])
    expect(alertOf(fromOcsf({ ...ocsf, verdict_id: 1 })).evidence[0]?.verdict).toBe('no-threat')
    expect(alertOf(fromOcsf({ ...ocsf, verdict_id: 99, severity_id: 99 }))).toMatchObject({ severity: 'informational' })
  })

  const hostile: [string, unknown][] = [
    ['nothing', null],
    ['a number', 7],
    ['an empty record', {}],
    ['a record of another class', { ...ocsf, class_uid: 1001 }],
    ['a date that is none', { ...wazuh, timestamp: 'yesterday' }],
    ['no device', { ...ocsf, device: {} }],
    ['a key of ten thousand letters', { ...ecs, event: { ...ecs.event, id: 'x'.repeat(10_000) } }],
  ]
  test.each(hostile)('[POL5] %s is answered with a sentence, by no format with an exception', (_, line) => {
    const answers = [fromWazuh, fromEcs, fromOcsf].map((read) => read(line))
    for (const answer of answers) expect(answer).toMatchObject({ ok: false, reason: expect.stringMatching(/: /) })
  })

  test('[VLT2] a relative or climbing path is not taken for a file', () => {
    for (const path of ['x', '../etc/passwd', '/tmp/../etc/passwd']) {
      expect(alertOf(fromWazuh({ ...wazuh, syscheck: { path }, data: {} })).evidence).toEqual([])
    }
  })
})
