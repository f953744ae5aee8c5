import type { Clock } from "@agentplane/core";

/** What the server's clock shows, as far as its answers tell. Estimates only: windows and holds count by the server. */
export class ServerClock {
  readonly #clock: Clock;
  #offsetMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Elapsed time of this process. */
  mark(): number {
    return this.#clock.elapsedMs();
  }

  /** An answer has just come that says what the clock showed: an estimate is never ahead of the server. */
  learn(serverMs: number): void {
    this.#offsetMs = serverMs - this.#clock.elapsedMs();
  }

  /** About now; undefined before the first answer. */
  toldMs(): number | undefined {
    return this.#offsetMs === undefined ? undefined : this.#offsetMs + this.#clock.elapsedMs();
  }

  /** About now; before the first answer, by the own clock. */
  nowMs(): number {
    return this.toldMs() ?? this.#clock.wallMs();
  }

  /** The server's time in so many ms; undefined before the first answer. */
  inMs(delayMs: number): number | undefined {
    return this.#offsetMs === undefined ? undefined : Math.floor(this.nowMs() + delayMs);
  }
}
