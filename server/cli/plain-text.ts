/**
 * Text from devices and other people, made safe to print: control characters, which could move the cursor or change what stands on
 * the screen, and marks that turn the direction of writing are shown as escapes (TRU6).
 */
export const plainText = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cs}\p{Co}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (sign) => {
    if (sign === '\n') return '\\n'
    if (sign === '\t') return '\\t'
    return `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`
  })
