import { describe, expect, test } from 'vitest'
import { filePath } from '../../protocol/file-path.ts'
import { type AutomationLevel, automationLevel, type Decision, decide, type Verdict, verdict } from './automation.ts'
import { defaultFolderLists, folderLists, placeOf } from './folders.ts'

/** The published table, written out: level → where a malicious file lies → what follows. */
const malicious: Record<
  Exclude<AutomationLevel, 'none'>,
  Record<'core' | 'elsewhere' | 'temporary', 'auto' | 'ask'>
> = {
  full: { core: 'auto', elsewhere: 'auto', temporary: 'auto' },
  'semi-any': { core: 'ask', elsewhere: 'ask', temporary: 'ask' },
  'semi-core': { core: 'ask', elsewhere: 'auto', temporary: 'auto' },
  'semi-non-temp': { core: 'ask', elsewhere: 'ask', temporary: 'auto' },
}

const paths = {
  linux: { core: '/usr/bin/ls', elsewhere: '/srv/data/tool', temporary: '/tmp/dropper' },
  windows: {
    core: 'C:\\Windows\\System32\\x.exe',
    elsewhere: 'D:\\data\\x.exe',
    temporary: 'C:\\Users\\ann\\AppData\\Local\\Temp\\x.exe',
  },
} as const
const places = ['core', 'elsewhere', 'temporary'] as const

const expected = (level: AutomationLevel, found: Verdict, place: (typeof places)[number]): Decision['answer'] => {
  if (level === 'none') return 'not-investigated'
  if (found === 'suspicious') return 'ask'
  return found === 'malicious' ? malicious[level][place] : 'nothing'
}

const cells = (['linux', 'windows'] as const).flatMap((platform) =>
  automationLevel.options.flatMap((level) =>
    verdict.options.flatMap((found) =>
      places.map((place) => ({
        platform,
        level,
        found,
        place,
        path: paths[platform][place],
        answer: expected(level, found, place),
      })),
    ),
  ),
)

describe('verdict × level × place', () => {
  test.each(cells)(
    '[POL1] $platform, $level: $found at $path → $answer',
    ({ platform, level, found, path, answer }) => {
      const place = placeOf(filePath.parse(path), platform, defaultFolderLists)
      const decision = decide({ level, verdict: found, place, channel: 'device' })
      expect(decision.answer).toBe(answer)
      expect(decision.sentence).toMatch(/\.$/)
    },
  )

  test.each(automationLevel.options.filter((level) => level !== 'none'))(
    '[POL1] e-mail never acts alone, not even under %s',
    (level) => {
      expect(decide({ level, verdict: 'malicious', place: null, channel: 'email' }).answer).toBe('ask')
    },
  )

  test.each(['semi-core', 'semi-non-temp'] as const)(
    '[POL1] under %s a thing without a known place is asked about, not guessed',
    (level) => {
      expect(decide({ level, verdict: 'malicious', place: null, channel: 'device' })).toMatchObject({
        answer: 'ask',
        rule: 'place-unknown',
      })
    },
  )

  test('[POL2] the rule names the folder that matched', () => {
    const place = placeOf(filePath.parse('/usr/bin/ls'), 'linux', defaultFolderLists)
    expect(decide({ level: 'semi-core', verdict: 'malicious', place, channel: 'device' }).rule).toBe('semi-core:/usr')
  })

  test('[POL2] Windows\\Temp is core for the core level and temporary for the non-temporary level', () => {
    const place = placeOf(filePath.parse('C:\\Windows\\Temp\\x.exe'), 'windows', defaultFolderLists)
    expect(decide({ level: 'semi-core', verdict: 'malicious', place, channel: 'device' }).answer).toBe('ask')
    expect(decide({ level: 'semi-non-temp', verdict: 'malicious', place, channel: 'device' }).answer).toBe('auto')
  })
})

describe('folder lists', () => {
  test.each([
    ['/home/ann/Downloads/x', '/home/*/Downloads'],
    ['/home/ann/b/Downloads/x', null],
    ['/home/ann/Downloads', null],
    ['/tmpfiles/x', null],
    ['/tmp/deep/er/x', '/tmp'],
  ])('[POL2] %s lies below %s', (path, pattern) => {
    expect(placeOf(filePath.parse(path), 'linux', defaultFolderLists).temporary).toBe(pattern)
  })

  test('[POL2] letters of either case are the same on Windows, and not on Linux', () => {
    expect(placeOf(filePath.parse('C:\\WINDOWS\\x'), 'windows', defaultFolderLists).core).toBe('\\windows')
    expect(placeOf(filePath.parse('/TMP/x'), 'linux', defaultFolderLists).temporary).toBeNull()
  })

  test('[POL2] the defaults are patterns that the setting itself accepts; half a pattern is not', () => {
    expect(folderLists.parse(defaultFolderLists)).toEqual(defaultFolderLists)
    for (const bad of ['tmp', '/tmp/', '//x', '', '/']) {
      expect(folderLists.safeParse({ ...defaultFolderLists, linux: { core: [bad], temporary: [] } }).success).toBe(
        false,
      )
    }
  })
})
