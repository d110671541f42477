import { forgetPreferences } from '../ui/preference.ts'
import { stopLive } from './live.ts'
import { signOut } from './session.ts'

/** Ends the session and forgets everything this page knew: the next person at this browser starts from nothing. */
export async function leave(): Promise<void> {
  stopLive()
  try {
    await signOut()
  } finally {
    forgetPreferences()
    window.location.assign('/sign-in')
  }
}
