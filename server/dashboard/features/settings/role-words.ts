const builtIn: Readonly<Record<string, string>> = {
  viewer: 'Viewer: looks, changes nothing',
  responder: 'Responder: asks for and decides on actions',
  administrator: 'Administrator: everything',
}

/** A role as people read it; those that people made have but their name. */
export const roleWords = (name: string): string => builtIn[name] ?? name
