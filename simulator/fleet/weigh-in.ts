// Loaded before a control plane of the simulator's own: on demand it collects its garbage and says what it then weighs, resident bytes.

process.on('message', () => {
  globalThis.gc?.()
  process.send?.(process.memoryUsage.rss())
})
// It must not keep alive what has been told to stop.
process.channel?.unref()
