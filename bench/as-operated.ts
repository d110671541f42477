/** How the unit in docs/operating.md starts the control plane: what is measured is what is run. */
export const asOperated = {
  env: { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TOP_PAD_: '0' },
  flags: ['--disable-warning=ExperimentalWarning', '--heap-growing-percent=100'],
} as const
