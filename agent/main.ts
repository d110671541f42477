import { becomeLean } from './lean.ts'

becomeLean()

void import('./program.ts')
  .then(({ runProgram }) => runProgram(process.argv.slice(2)))
  .then((code) => {
    process.exitCode = code
  })
