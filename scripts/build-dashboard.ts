import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const root = join(import.meta.dirname, '..')
const source = join(root, 'server/dashboard')
/** Where the server finds the dashboard. */
export const dashboardFolder = join(root, 'dist/dashboard')
const stampFile = join(dashboardFolder, '.built-from')

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
const compress = async (): Promise<void> => {
  for (const file of globSync('**/*', { cwd: dashboardFolder })) {
    if (!compressible.test(file) || file === 'index.html') continue
    const path = join(dashboardFolder, file)
    const bytes = readFileSync(path)
    const [br, gz] = await Promise.all([
      promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
      promisify(gzip)(bytes, { level: 9 }),
    ])
    writeFileSync(`${path}.br`, br)
    writeFileSync(`${path}.gz`, gz)
  }
}

/** Builds the dashboard into `dist/dashboard`, unless what is there was built from the very same sources. */
export const buildDashboard = async (): Promise<{ readonly built: boolean }> => {
  const stamp = stampOf()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return { built: false }
  rmSync(dashboardFolder, { recursive: true, force: true })
  // Loaded only when there is something to build: every start asks, and loading them costs most of a second.
  const [{ build }, { default: react }] = await Promise.all([import('vite'), import('@vitejs/plugin-react')])
  await build({
    root: source,
    configFile: false,
    logLevel: 'warn',
    plugins: [react()],
    build: {
      outDir: dashboardFolder,
      emptyOutDir: true,
      target: 'es2024',
      // The content security policy allows no data: scripts, and files with a hash in their name are cached for ever anyway.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  })
  await compress()
  writeFileSync(stampFile, stamp)
  return { built: true }
}
