/*
 * INVARIANTS
 * - Whoever is added is called within two turns, unless it was taken out: what is owed is said late, never not at all.
 */

/** Those who have something to say that may wait a little: most of them say it with something else before their turn comes. */
export class LateWord<Speaker extends { speak(): void }> {
  #lately = new Set<Speaker>()
  #before = new Set<Speaker>()

  add(speaker: Speaker): void {
    if (!this.#before.has(speaker)) this.#lately.add(speaker)
  }

  drop(speaker: Speaker): void {
    if (!this.#lately.delete(speaker)) this.#before.delete(speaker)
  }

  /** Calls those who have waited for a whole turn. */
  turn(): void {
    const due = this.#before
    this.#before = this.#lately
    this.#lately = new Set()
    for (const speaker of due) speaker.speak()
  }
}
