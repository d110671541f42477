import type { ControlPlane } from './control-plane.ts'
import type { SavedSignIn } from './saved-sign-in.ts'
import type { Screen } from './show.ts'

/** What every command works with. */
export interface Context {
  readonly screen: Screen
  /** The control plane one is signed in to; a CliFailure when there is none. */
  controlPlane(): ControlPlane
  save(signIn: SavedSignIn): void
  saved(): SavedSignIn | null
  forget(): void
  askSecret(question: string): Promise<string>
}
