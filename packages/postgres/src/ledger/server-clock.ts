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

  /** The server's epoch ms this long from now, at the earliest; undefined before it was ever heard. */
  afterMs(durationMs: number): number | undefined {
    if (this.#heard === undefined) return undefined;
    const { clockMs, atMs } = this.#heard;
    return Math.ceil(clockMs + (this.#nowMs() - atMs) + durationMs);
  }
}
