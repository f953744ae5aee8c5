import type { Ports } from "../base/ports.ts";
import type { Seal } from "../base/seal.ts";
import type { ControlRecord } from "../audit/audit-record.ts";
import type { DocumentStore } from "../store/state-store.ts";

/** What approvals need. */
export interface ApprovalsDeps {
  readonly approvals: DocumentStore;
  readonly ports: Pick<Ports, "ids" | "timers" | "logger">;
  /** Keeps several planes on one store apart. */
  readonly planeId?: string;
  nowMs(): number;
  record(record: Omit<ControlRecord, "kind" | "at">): void;
  /** Signs an input; the same as the one that bindings are made with. */
  hmac(text: string): string;
  /** Encrypts full inputs; without one no input is shown. */
  readonly seal?: Seal | undefined;
}
