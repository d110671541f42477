/** What was written as one argument, separated by commas. */
export const listed = (text: string): string[] =>
  text
    .split(',')
    .map((it) => it.trim())
    .filter((it) => it !== '')
