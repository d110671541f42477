// Installs what is missing before a command of the project runs: `node scripts/ensure.mjs start|check|test`.
//
// It runs on a bare Node 20, before anything is installed, so it may import nothing but Node itself. When nothing is missing it says
// nothing and costs a process start. What the project cannot do without (its packages) ends it with 1; what only a test lane needs
// (system programs) is a warning, because the lane then says by itself that it was skipped.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PURPOSES = ['start', 'check', 'test']
const OLDEST_NODE = [22, 22]
const root = fileURLToPath(new URL('..', import.meta.url))
const stampFile = join(root, 'node_modules', '.recourse-lock-hash')

/** Programs the test lanes call, and the Debian package that brings each. */
const PROGRAMS = {
  nft: 'nftables',
  setfattr: 'attr',
  setfacl: 'acl',
  setcap: 'libcap2-bin',
  'mkfs.ext4': 'e2fsprogs',
  chattr: 'e2fsprogs',
  ip: 'iproute2',
  ss: 'iproute2',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  systemctl: 'systemd',
  'dbus-daemon': 'dbus',
  ps: 'procps',
  chromium: 'chromium',
}
const PROGRAM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
const POLICY_FILE = '/usr/sbin/policy-rc.d'

const say = (text) => process.stderr.write(`recourse: ${text}\n`)

const fail = (text) => {
  say(text)
  process.exit(1)
}

const lockHash = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')

const packagesMatch = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockHash()

/** Runs a program with its output shown, and a sign of life every ten seconds, since npm and apt are silent for long without a terminal. */
const run = (program, args, env = process.env) =>
  new Promise((resolve) => {
    const began = Date.now()
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 2, 2] })
    const signOfLife = setInterval(
      () => say(`… still at it after ${Math.round((Date.now() - began) / 1000)} s`),
      10_000,
    )
    const end = (status) => {
      clearInterval(signOfLife)
      resolve(status)
    }
    child.on('error', () => end(127))
    child.on('exit', (status) => end(status ?? 1))
  })

/** The npm that called us, run by the Node that runs it: the project's own Node may be replaced while the packages are installed. */
const npmCommand = () => {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env
  return npm && node && npm.endsWith('.js') && existsSync(npm) && existsSync(node) ? [node, npm] : ['npm']
}

const installPackages = async () => {
  const count = Object.keys(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages).length - 1
  say(`installing the packages of the lock file (at most ${count}; the first time takes about half a minute) …`)
  // `npm install`, not `npm ci`: the latter refuses when an optional package for some other platform cannot be found.
  const [program, ...first] = npmCommand()
  const status = await run(program, [...first, 'install', '--no-audit', '--no-fund', '--loglevel=error'])
  if (status === 127) fail('npm was not found. Recourse needs Node 20 or newer with npm.')
  if (status !== 0) {
    fail(
      `npm install ended with ${status}. It needs a package registry that can be reached, and disk space; nothing else was changed. Run the command again when that is mended.`,
    )
  }
  writeFileSync(stampFile, lockHash())
  say('packages installed.')
}

/** The scripts themselves run on the Node of `node_modules/.bin` where there is one (Linux), else on the machine's own. */
const checkNode = () => {
  if (existsSync(join(root, 'node_modules', '.bin', 'node'))) return
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  fail(
    `Node ${process.versions.node} is too old and no Node came with the packages for ${process.platform}-${process.arch}. ` +
      `Install Node ${OLDEST_NODE.join('.')} or newer, or allow npm to install optional packages.`,
  )
}

const missingPackages = () => {
  const missing = Object.entries(PROGRAMS)
    .filter(([program]) => !PROGRAM_FOLDERS.some((folder) => existsSync(join(folder, program))))
    .map(([, name]) => name)
  return [...new Set(missing)]
}

/** Keeps package scripts from starting daemons on this machine, unless its administrator has already decided about that. */
const withoutStartingDaemons = async (work) => {
  if (existsSync(POLICY_FILE)) return await work()
  const remove = () => rmSync(POLICY_FILE, { force: true })
  writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      remove()
      process.exit(1)
    })
  }
  try {
    return await work()
  } finally {
    remove()
  }
}

const installPrograms = async () => {
  if (process.platform !== 'linux') return
  const packages = missingPackages()
  if (packages.length === 0) return
  const cannot = (why) => say(`some tests need ${packages.join(', ')}: ${why}. They will be skipped.`)
  if (!existsSync('/etc/debian_version') || spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status !== 0) {
    return cannot('please install them; apt is not here to do it')
  }
  if (process.getuid?.() !== 0) return cannot('please install them, or run as root')
  say(`installing system packages for the tests with apt: ${packages.join(', ')} (no daemon is started) …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const status = await withoutStartingDaemons(async () => {
    if ((await run('apt-get', ['-qq', 'update'], env)) !== 0)
      say('apt could not read every package list; trying with what it has.')
    return await run(
      'apt-get',
      ['-qq', '-o', 'Dpkg::Use-Pty=0', 'install', '-y', '--no-install-recommends', ...packages],
      env,
    )
  })
  if (status !== 0) return cannot(`apt-get install ended with ${status} (no network, or no such package here)`)
  say('system packages installed.')
}

const purpose = process.argv[2]
if (!PURPOSES.includes(purpose)) fail(`say what for: node scripts/ensure.mjs ${PURPOSES.join('|')}`)
if (!packagesMatch()) await installPackages()
checkNode()
if (purpose === 'test') await installPrograms()
