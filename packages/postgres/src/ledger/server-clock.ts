/** What the server's clock says, as far as it is known here: heard with every answer, carried on by our own time. */
export class ServerClock {
  readonly #nowMs: () => number;
  #heard: { readonly clockMs: number; readonly atMs: number } | undefined;

  /** @param nowMs Monotonic time in ms. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  heard(clockMs: number): void {
    this.#heard = { clockMs, atMs: this.#nowMs() };
  }

  /** The server's epoch ms now; undefined before it was ever heard. */
  toldMs(): number | undefined {
    return this.#heard && this.#heard.clockMs + (this.#nowMs() - this.#heard.atMs);
  }

  /** The server's epoch ms this long from now, at the earliest; undefined before it was ever heard. */
  afterMs(durationMs: number): number | undefined {
    const toldMs = this.toldMs();
    return toldMs === undefined ? undefined : Math.ceil(toldMs + durationMs);
  }
}
