// Asks for what the first page shows while the code for showing it is still on its way, so that the page does not wait for one answer
// after another. Nothing depends on it: what is not asked for here is asked for later. Runs before any module, hence none itself.
;(() => {
  const { pathname, search } = window.location
  if (pathname === '/sign-in' || pathname === '/setup') return
  // Exactly as the pages write it; a page with filters in its address asks for itself.
  const first = {
    '/': [`/v1/summary?days=30&offset=${-new Date().getTimezoneOffset()}`, '/v1/in-force?limit=6'],
    '/actions/pending': ['/v1/actions?status=pending-approval&limit=80'],
    '/actions/history': ['/v1/actions?window=month&limit=80'],
    '/actions/in-force': ['/v1/in-force?limit=80'],
    '/devices': ['/v1/devices?limit=200'],
  }
  const asked = new Map()
  for (const path of ['/v1/me', '/v1/me/preferences', ...(search === '' ? (first[pathname] ?? []) : [])]) {
    const headers = { accept: 'application/json', 'recourse-client': 'dashboard' }
    const answer = fetch(path, { headers, credentials: 'same-origin' })
    // Nobody may ever come for it.
    answer.catch(() => undefined)
    asked.set(path, answer)
  }
  window.recourseAhead = asked

  // The build writes here which files each page is made of; the browser fetches them beside the first script.
  const code = {}
  const parts = pathname.startsWith('/actions')
    ? code.actions
    : pathname.startsWith('/devices')
      ? code.devices
      : pathname === '/'
        ? code.overview
        : []
  for (const href of parts ?? []) {
    const link = document.createElement('link')
    // Styles are only fetched here: their order is that of the code, and decides which rule wins.
    link.rel = href.endsWith('.css') ? 'preload' : 'modulepreload'
    if (href.endsWith('.css')) link.as = 'style'
    link.crossOrigin = ''
    link.href = href
    document.head.append(link)
  }
})()
