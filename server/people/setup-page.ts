/** The page behind the set-up link. The secret stands behind the #, which browsers never send; the script hands it over once. */
export const setUpPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Set up Recourse</title>
<link rel="stylesheet" href="/setup.css">
<script src="/setup.js" defer></script>
</head>
<body>
<main>
<h1>Set up Recourse</h1>
<form id="form">
<p>You become the first administrator of this control plane.</p>
<label for="name">Name</label>
<input id="name" name="name" autocomplete="username" required pattern="[A-Za-z0-9][A-Za-z0-9._@\\-]{0,63}" autofocus>
<label for="password">Password, at least 12 characters</label>
<input id="password" name="password" type="password" autocomplete="new-password" required minlength="12" maxlength="256">
<label class="choice"><input id="alone" type="checkbox">
I work alone: I may approve what I ask for myself. (This can be changed later in the settings.)</label>
<button>Create administrator</button>
<p id="problem" role="alert"></p>
</form>
<section id="done" hidden>
<h2>Keep this recovery key offline</h2>
<p>It is shown only now and stored nowhere. If this server ever loses its signing key, it is the only way to make the devices
trust a new one.</p>
<pre id="recovery"></pre>
<p>You are signed in. <a href="/">Go on</a></p>
</section>
<noscript><p>This page needs JavaScript.</p></noscript>
</main>
</body>
</html>
`

export const setUpScript = `const secret = location.hash.slice(1)
history.replaceState(null, '', location.pathname)
const element = (id) => document.getElementById(id)
element('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  element('problem').textContent = ''
  const answer = await fetch('/v1/setup', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'recourse-client': 'setup' },
    body: JSON.stringify({
      secret,
      name: element('name').value,
      password: element('password').value,
      separationOfDuties: !element('alone').checked,
    }),
  })
  const said = await answer.json()
  if (!answer.ok) {
    element('problem').textContent = said.detail ?? said.title
    return
  }
  element('recovery').textContent = said.recoveryKey
  element('form').hidden = true
  element('done').hidden = false
})
`

export const setUpStyle = `:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
label { display: block; margin-top: 1rem }
label.choice { display: flex; gap: .5rem; align-items: baseline }
input:not([type=checkbox]) { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .4rem }
button { margin-top: 1.5rem; font: inherit; padding: .5rem 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid; padding: 1rem }
[role=alert] { min-height: 1.5rem; font-weight: bold }
`
