const prefix = 'recourse.'

/** Something a person chose for the look of this browser. Null when nothing fitting is kept, or storage is forbidden. */
export function readPreference<T>(name: string, fits: (value: unknown) => value is T): T | null {
  try {
    const text = localStorage.getItem(prefix + name)
    const value: unknown = text === null ? null : JSON.parse(text)
    return fits(value) ? value : null
  } catch {
    return null
  }
}

/** Keeps a choice, or forgets it when it is null. Where storage is forbidden it lasts as long as the page. */
export function writePreference(name: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(prefix + name)
    else localStorage.setItem(prefix + name, JSON.stringify(value))
  } catch {
    // Storage is full or forbidden: the choice holds until the page is left.
  }
}
