import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { complaintOf, runProgram, systemPrograms } from './run-program.ts'

const soon = { timeoutMs: 20_000 }
const node = process.execPath
const folder = mkdtempSync(join(tmpdir(), 'recourse-run-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('running a program', () => {
  test('arguments arrive as they are: no shell reads them', async () => {
    const odd = ['$(id)', 'a b', '"; rm x', '*', '', 'ü\n']
    const ran = await runProgram(node, ['-p', 'JSON.stringify(process.argv.slice(1))', '--', ...odd], soon)
    expect(ran).toMatchObject({ exitCode: 0, complete: true })
    expect(JSON.parse(ran.stdout)).toEqual(odd)
  })

  test('it sees the folders of the system and the C locale, and nothing else of our environment', async () => {
    const { stdout } = await runProgram(node, ['-p', 'JSON.stringify(process.env)'], soon)
    expect(JSON.parse(stdout)).toEqual({ PATH: '/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C' })
  })

  test('its standard input is empty, so it cannot wait for a person', async () => {
    const script = 'process.stdin.on("data", () => process.exit(9)).on("end", () => process.exit(3))'
    expect((await runProgram(node, ['-e', script], soon)).exitCode).toBe(3)
  })

  test('a failure is a value with what it said', async () => {
    const ran = await runProgram(node, ['-e', 'console.error("no \\u001b[31msuch thing"); process.exit(7)'], soon)
    expect(ran.exitCode).toBe(7)
    expect(complaintOf(ran)).toBe('no [31msuch thing')
  })

  test('[JRN6] one that does not end in time is ended and named', async () => {
    const never = runProgram(node, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 200 })
    await expect(never).rejects.toMatchObject({ code: 'tool_failed', message: `${node} did not answer within 200 ms` })
  })

  test('one that prints without end is ended, and what it printed is cut', async () => {
    const script = 'const line = "x".repeat(4096); for (;;) console.log(line)'
    const ran = await runProgram(node, ['-e', script], { ...soon, maxOutputBytes: 10_000 })
    expect(ran).toMatchObject({ exitCode: null, complete: false })
    expect(ran.stdout.length).toBeLessThanOrEqual(10_000)
  })

  test('one that a signal ended has failed', async () => {
    const dying = runProgram(node, ['-e', 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 9)'], soon)
    await expect(dying).rejects.toMatchObject({ code: 'tool_failed' })
  })

  test('[JRN6] one that is not there, or may not be run, is named', async () => {
    const plain = join(folder, 'plain')
    writeFileSync(plain, '')
    await expect(runProgram('/nowhere/nft', [], soon)).rejects.toMatchObject({ code: 'tool_missing' })
    await expect(runProgram(plain, [], soon)).rejects.toMatchObject({ code: 'not_permitted' })
  })

  test('a name without a folder is a bug', () => {
    expect(() => runProgram('nft', [], soon)).toThrow(/absolute/)
  })
})

describe('looking a program up', () => {
  test('the first folder that has it wins, and a file that cannot be run is not it', () => {
    writeFileSync(join(folder, 'tool'), '')
    const programs = systemPrograms([folder, '/bin'])
    expect(programs.find('tool')).toBeNull()
    chmodSync(join(folder, 'tool'), 0o755)
    expect(programs.find('tool')).toBe(join(folder, 'tool'))
    expect(programs.need('ls')).toBe('/bin/ls')
  })

  test('[JRN6] a missing one is named before anything is done', () => {
    expect(() => systemPrograms([folder]).need('nft')).toThrow('nft is not installed')
  })
})
