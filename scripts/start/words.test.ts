import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandsFor, quoted, type Scene, wordsFor } from './words.ts'

const scene: Scene = {
  url: 'http://127.0.0.1:7300',
  setUpUrl: 'http://127.0.0.1:7300/setup#secret',
  device: { id: '01a1ff46-a910-7064-8b94-0da742971919', name: 'my laptop' },
  agent: {
    connected: true,
    trouble: null,
    capabilities: [
      { action: 'quarantine-file', support: 'supported', reason: 'only what belongs to its own user' },
      { action: 'isolate-device', support: 'unsupported', reason: 'the agent does not run as root' },
    ],
  },
  confined: true,
  folder: '/data/playground',
  policy: '/data/policy.json',
  file: { path: '/data/playground/a file', sha256: 'a'.repeat(64) },
  inVault: [],
  data: '/data',
  simulated: null,
}

test('any word survives a shell as it was', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: 'grapheme' }).map((it) => it.replaceAll('\0', '')),
        { maxLength: 4 },
      ),
      (words) => {
        const line = ['printf "%s\\0"', ...words.map(quoted)].join(' ')
        const said = execFileSync('/bin/sh', ['-c', words.length === 0 ? ':' : line], { encoding: 'utf8' })
        expect(said).toBe(words.map((it) => `${it}\0`).join(''))
      },
    ),
    { numRuns: 50 },
  )
})

describe('what a start says', () => {
  test('with the file in its place: how to take it and bring it back', () => {
    const [signIn, preview, propose, inForce, undo] = commandsFor(scene)
    expect(signIn).toBe('npx recourse sign-in http://127.0.0.1:7300 --name admin')
    const target = `--device 'my laptop' --path '/data/playground/a file' --sha256 ${'a'.repeat(64)}`
    expect(preview).toContain(target)
    expect(propose).toContain(target)
    expect(inForce).toBe('npx recourse in-force')
    expect(undo).toMatch(/^npx recourse undo ID --comment .* --approve --wait$/)
  })

  test('with the file in the vault: how to bring it back, by its id', () => {
    const taken = { ...scene, file: { ...scene.file, sha256: null }, inVault: ['some-id'] }
    expect(commandsFor(taken).at(-1)).toContain('undo some-id')
    expect(wordsFor(taken)).toContain('is in the vault')
  })

  test('with the file gone otherwise: how to get another', () => {
    expect(wordsFor({ ...scene, file: { ...scene.file, sha256: null } })).toContain('Delete the playground')
  })

  test('what the agent cannot do is said with every reason', () => {
    const words = wordsFor(scene)
    expect(words).toMatch(/can {4}quarantine-file: only what belongs to its own user; files in the playground/)
    expect(words).toMatch(/cannot isolate-device: the agent does not run as root; .*local policy/)
  })

  test('the set-up link is there only while nobody is set up', () => {
    expect(wordsFor(scene)).toContain('/setup#secret')
    expect(wordsFor({ ...scene, setUpUrl: null })).not.toContain('setup')
  })

  test('an agent without a link, or without an answer, is no secret', () => {
    const agent = { connected: false, trouble: 'nobody answers', capabilities: [] }
    expect(wordsFor({ ...scene, agent })).toContain('NOT connected yet: nobody answers')
    expect(wordsFor({ ...scene, agent: null })).toContain('does not answer')
  })

  test('a simulated fleet is said to be one, with the way to be without it', () => {
    expect(wordsFor({ ...scene, simulated: 25 })).toMatch(/25 simulated devices(.|\n)*--empty/)
    expect(wordsFor(scene)).not.toContain('simulated')
  })

  test('a local policy that was changed is not said to confine', () => {
    expect(wordsFor({ ...scene, confined: false })).toContain('that you changed')
  })
})
