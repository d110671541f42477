/** Begins to load the code of the page that the address names, beside everything else that has to come first. */
export function loadEarly(path: string): void {
  if (path.startsWith('/actions')) void import('../features/actions/actions-page.tsx')
  else if (path.startsWith('/devices')) void import('../features/devices/devices-page.tsx')
  else if (path === '/') void import('../features/overview/overview-page.tsx')
}
