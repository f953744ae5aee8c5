import type { HttpSession } from "./http-session.ts";

/** The sessions that clients have, by what the server calls them. */
export class SessionTable {
  readonly #sessions = new Map<string, HttpSession>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(id: string): HttpSession | undefined {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.lastUsedMs = performance.now();
    return session;
  }

  /** Makes room for one more, if need be by ending the one that has been idle for longest. @returns Whether there is. */
  makeRoom(): boolean {
    if (this.#sessions.size < this.#max) return true;
    let [oldestId, oldest]: [string, HttpSession | undefined] = ["", undefined];
    for (const [id, session] of this.#sessions) {
      if (session.isBusy || (oldest !== undefined && oldest.lastUsedMs <= session.lastUsedMs)) continue;
      [oldestId, oldest] = [id, session];
    }
    if (oldest === undefined) return false;
    this.remove(oldestId);
    return true;
  }

  /** Ends the sessions that nobody has used for so long. */
  endIdle(idleMs: number): void {
    const sinceMs = performance.now() - idleMs;
    for (const [id, session] of this.#sessions)
      if (!session.isBusy && session.lastUsedMs < sinceMs) this.remove(id);
  }

  add(id: string, session: HttpSession): void {
    // A server that gives one name twice means the new one.
    this.remove(id);
    this.#sessions.set(id, session);
  }

  remove(id: string): void {
    void this.#end(id);
  }

  /** Settles when their ends are recorded. */
  async removeAll(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((id) => this.#end(id)));
  }

  async #end(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    await session?.end();
  }
}
