import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Plugin, rolldown } from 'rolldown'

export type Bundle = { readonly files: readonly { readonly path: string; readonly bytes: number }[] }

const require = createRequire(import.meta.url)
const NATIVE_PREFIX = '@koromix/koffi-'

/**
 * koffi looks for its native part by package name, one package for each platform. In the bundle that becomes one file beside it; the
 * packages of other platforms become empty. Only koffi's CommonJS face asks with a `require` that a bundler can see, so that one is taken.
 */
const koffiBeside = (platform: string, fileName: string): Plugin => ({
  name: 'koffi-beside',
  resolveId: (id) => {
    if (id === 'koffi') return require.resolve('koffi')
    if (id === `${NATIVE_PREFIX}${platform}`) return { id: `./${fileName}`, external: true }
    return id.startsWith(NATIVE_PREFIX) ? `\0${id}` : null
  },
  load: (id) => (id.startsWith(`\0${NATIVE_PREFIX}`) ? 'module.exports = null' : null),
})

/** V8 keeps a source with one letter beyond Latin-1 at two bytes for each: the idle agent would pay most of a megabyte for an arrow. */
const inAscii = (code: string): string =>
  code.replace(/[^\n\r\t -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/**
 * Bundles an agent entry for this platform into `outputFolder/recourse-agent.cjs` (replacing the folder), for Node 22.22 and newer.
 * CommonJS, because a single-file executable can hold nothing else. Lines and names stay as they are: a failure prints the line it happened
 * in, and without lines that would be the whole agent.
 */
export const bundleAgent = async (options: {
  readonly entry: string
  readonly outputFolder: string
}): Promise<Bundle> => {
  const { entry, outputFolder } = options
  const platform = `${process.platform}-${process.arch}`
  const nativeName = `koffi-${platform}.node`
  const bundlePath = join(outputFolder, 'recourse-agent.cjs')
  const nativePath = join(outputFolder, nativeName)

  rmSync(outputFolder, { recursive: true, force: true })
  mkdirSync(outputFolder, { recursive: true })
  const build = await rolldown({
    input: entry,
    platform: 'node',
    // Written for Node 24: Node 22 has no `using` of its own.
    transform: { target: 'node22.22' },
    plugins: [koffiBeside(platform, nativeName)],
    // Optional accelerators: msgpackr and ws run without them, and one native file beside the bundle is enough.
    external: ['msgpackr-extract', 'bufferutil', 'utf-8-validate'],
    // A warning here is a module that will be missing on the device.
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`bundling ${entry}: ${log.message}`)
    },
  })
  await build.write({
    file: bundlePath,
    format: 'cjs',
    codeSplitting: false,
    sourcemap: false,
    comments: false,
  })
  await build.close()
  // Not in a plugin: the bundler prints strings anew after the last of them.
  writeFileSync(bundlePath, inAscii(readFileSync(bundlePath, 'utf8')))

  const nativePackage = dirname(
    require.resolve(`${NATIVE_PREFIX}${platform}/package.json`, { paths: [dirname(require.resolve('koffi'))] }),
  )
  copyFileSync(join(nativePackage, platform.replace('-', '_'), 'koffi.node'), nativePath)
  return { files: [bundlePath, nativePath].map((path) => ({ path, bytes: statSync(path).size })) }
}
