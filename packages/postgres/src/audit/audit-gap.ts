import type { ControlRecord } from "@agentplane/core";

/** Counts what was lost or came late, until a record of that is written. */
export class AuditGap {
  #lost = 0;
  #late = 0;
  #fromMs = 0;
  #untilMs = 0;
  #cause = "";

  /** Whether there is something that no record tells yet. */
  get isOpen(): boolean {
    return this.#lost + this.#late > 0;
  }

  /** Counts records that were not taken. */
  addLost(count: number, cause: string): void {
    this.#note(count, cause);
    this.#lost += count;
  }

  /** Counts records whose callers were told that they are not written, and that were written later all the same. */
  addLate(count: number, cause: string): void {
    this.#note(count, cause);
    this.#late += count;
  }

  /** The record of the gap; it is closed by that. */
  take(): ControlRecord {
    const data = {
      records: this.#lost,
      late: this.#late,
      fromMs: this.#fromMs,
      untilMs: this.#untilMs,
      cause: this.#cause,
    };
    this.#lost = 0;
    this.#late = 0;
    const reason = `${data.records} records could not be written, ${data.late} were written late (${data.cause})`;
    return {
      kind: "control",
      at: Date.now(),
      action: "audit_gap",
      by: "audit",
      subject: "audit",
      reason,
      data,
    };
  }

  #note(count: number, cause: string): void {
    if (count === 0) return;
    this.#untilMs = Date.now();
    if (!this.isOpen) this.#fromMs = this.#untilMs;
    this.#cause = cause;
  }
}
