import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const root = join(import.meta.dirname, '..')
const source = join(root, 'server/dashboard')
/** Where the server finds the dashboard. */
export const dashboardFolder = join(root, 'dist/dashboard')
const stampName = '.built-from'
const stampFile = join(dashboardFolder, stampName)

/** Everything the result depends on. */
const inputs = ['server/dashboard/**/*', 'protocol/**/*.ts', 'package-lock.json', 'scripts/build-dashboard.ts']

const stampOf = (): string => {
  const hash = createHash('sha256')
  for (const file of globSync(inputs, { cwd: root, exclude: ['**/*.test.ts', '**/*.test.tsx'] }).toSorted()) {
    const path = join(root, file)
    try {
      const bytes = readFileSync(path)
      hash.update(`${file}\0${bytes.length}\0`).update(bytes)
    } catch {
      // A folder: only what is in it counts.
    }
  }
  return hash.digest('hex')
}

const compressible = /\.(js|css|html|svg|json)$/

/** Every file beside itself as .br and .gz, made once here so that no request waits for it. */
const compress = async (folder: string): Promise<void> => {
  for (const file of globSync('**/*', { cwd: folder })) {
    if (!compressible.test(file) || file === 'index.html') continue
    const path = join(folder, file)
    const bytes = readFileSync(path)
    const [br, gz] = await Promise.all([
      promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
      promisify(gzip)(bytes, { level: 9 }),
    ])
    writeFileSync(`${path}.br`, br)
    writeFileSync(`${path}.gz`, gz)
  }
}

interface ManifestEntry {
  readonly file: string
  readonly css?: readonly string[]
  readonly imports?: readonly string[]
}

const pages = {
  overview: 'features/overview/overview-page.tsx',
  actions: 'features/actions/actions-page.tsx',
  devices: 'features/devices/devices-page.tsx',
} as const

/** Tells `ahead.js` which files the first pages are made of, so that they are fetched before the first script has run. */
const writeHints = (folder: string): void => {
  const manifestFile = join(folder, '.vite/manifest.json')
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8')) as Readonly<Record<string, ManifestEntry>>
  const filesOf = (name: string, seen: Set<string>): string[] => {
    const entry = manifest[name]
    if (entry === undefined) throw new Error(`the build has no ${name}`)
    if (seen.has(name)) return []
    seen.add(name)
    return [entry.file, ...(entry.css ?? []), ...(entry.imports ?? []).flatMap((it) => filesOf(it, seen))]
  }
  // What the page itself loads first is on its way already.
  const first = new Set<string>()
  filesOf('index.html', first)
  const code = Object.fromEntries(
    Object.entries(pages).map(([page, name]) => [page, filesOf(name, new Set(first)).map((file) => `/${file}`)]),
  )
  const aheadFile = join(folder, 'ahead.js')
  const place = 'const code = {}'
  const script = readFileSync(aheadFile, 'utf8')
  if (!script.includes(place)) throw new Error('ahead.js has no place for the files of the pages')
  writeFileSync(aheadFile, script.replace(place, `const code = ${JSON.stringify(code)}`))
  rmSync(join(folder, '.vite'), { recursive: true })
}

/** Builds the dashboard into `dist/dashboard`, unless what is there was built from the very same sources. */
export const buildDashboard = async (): Promise<{ readonly built: boolean }> => {
  const stamp = stampOf()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return { built: false }
  // Built aside and put in place whole: whoever serves or builds it at the same time never sees half of it.
  mkdirSync(join(root, 'dist'), { recursive: true })
  const fresh = mkdtempSync(join(root, 'dist/dashboard-'))
  // Loaded only when there is something to build: every start asks, and loading them costs most of a second.
  const [{ build }, { default: react }] = await Promise.all([import('vite'), import('@vitejs/plugin-react')])
  // A test runner names another mode, and what is built in that is slow and large.
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  try {
    await build({
      root: source,
      configFile: false,
      logLevel: 'warn',
      plugins: [react()],
      build: {
        outDir: fresh,
        emptyOutDir: true,
        target: 'es2024',
        // The content security policy allows no data: scripts, and files with a hash in their name are cached for ever anyway.
        assetsInlineLimit: 0,
        manifest: true,
        modulePreload: { polyfill: false },
        reportCompressedSize: false,
      },
    })
  } finally {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  }
  writeHints(fresh)
  await compress(fresh)
  writeFileSync(join(fresh, stampName), stamp)
  rmSync(dashboardFolder, { recursive: true, force: true })
  renameSync(fresh, dashboardFolder)
  return { built: true }
}
