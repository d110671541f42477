// Loaded before a program (`node --import`): ends it, as SIGTERM would, when whoever started it is gone, however they went. Its standard
// input must be a pipe that nobody writes to.

process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'))
process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'))
process.stdin.resume()
process.stdin.unref()
