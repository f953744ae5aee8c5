import type { Clock } from "../base/ports.ts";
import type { ControlRecord } from "./audit-record.ts";

/** Counts the records that could not be written, until a record of that can be. */
export class AuditGap {
  readonly #clock: Pick<Clock, "wallMs">;
  #lost = 0;
  #fromMs = 0;
  #untilMs = 0;
  #cause = "";

  constructor(clock: Pick<Clock, "wallMs">) {
    this.#clock = clock;
  }

  /** Whether something was lost that no record tells yet. */
  get isOpen(): boolean {
    return this.#lost > 0;
  }

  /** How many that are. */
  get lost(): number {
    return this.#lost;
  }

  /** Counts lost records. */
  add(lost: number, cause: string): void {
    if (lost === 0) return;
    this.#untilMs = this.#clock.wallMs();
    if (this.#lost === 0) this.#fromMs = this.#untilMs;
    this.#lost += lost;
    this.#cause = cause;
  }

  /** The record of the gap as it is now; undefined when nothing was lost. */
  record(): ControlRecord | undefined {
    if (this.#lost === 0) return undefined;
    return {
      kind: "control",
      at: this.#clock.wallMs(),
      action: "audit_gap",
      by: "audit",
      subject: "audit",
      reason: `${this.#lost} ${this.#lost === 1 ? "record" : "records"} could not be written (${this.#cause})`,
      data: { records: this.#lost, fromMs: this.#fromMs, untilMs: this.#untilMs, cause: this.#cause },
    };
  }

  /** A record was written that tells so many; what was lost since is still to be told. */
  close(told: number): void {
    this.#lost -= told;
  }
}
