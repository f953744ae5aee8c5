import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Usage } from "../base/model-costs.ts";
import type { Decision } from "../decision/decision.ts";

/** Who acted, as every record names it. */
export interface AuditIdentity {
  readonly agent: string;
  readonly runId?: string;
  readonly ancestors?: readonly string[];
  readonly tenant?: string;
  readonly user?: string;
  readonly session?: string;
}

/** A decision: exactly one per ask-or-admit call key and attempt. */
export interface DecisionRecord {
  readonly kind: "decision";
  /** Wall-clock epoch ms. */
  readonly at: number;
  readonly identity: AuditIdentity;
  readonly decision: Decision;
  readonly tool?: string;
  readonly model?: string;
  readonly callId?: string;
  readonly attempt?: number;
  /** The distributed trace that the call belongs to, where the caller named one: 32 hex digits. */
  readonly traceId?: string;
  /** Digest of the input as decided. */
  readonly inputDigest?: string;
  /** Redacted; only where an `audit` rule asks for it. */
  readonly input?: JsonValue;
}

/** What really happened to an admitted call, with the ruling on its result. */
export interface OutcomeRecord {
  readonly kind: "outcome";
  readonly at: number;
  readonly identity: AuditIdentity;
  readonly decisionId: string;
  /** `unsettled`: no end was reported while its holds lasted; one that comes later has a record of its own. */
  readonly outcome: "ran" | "failed" | "withheld" | "released" | "suspended" | "unsettled";
  readonly tool?: string;
  readonly model?: string;
  /** The decision on the result, at `after_*`. */
  readonly after?: Decision;
  readonly usage?: Usage;
  /** True where the usage was missing and the estimate was charged. */
  readonly isEstimated?: boolean;
  readonly durationMs: number;
  /** Redacted; only where an `audit` rule asks for it. */
  readonly result?: JsonValue;
}

/** A change of how the plane behaves: plug, mode, ladder, approval, publish, a configuration error. */
export interface ControlRecord {
  readonly kind: "control";
  readonly at: number;
  readonly action: string;
  /** Who did it: an operator's name, `ladder`, `file:…`. */
  readonly by: string;
  readonly subject: string;
  readonly reason?: string;
  readonly data?: JsonObject;
}

/** One line of the audit trail. It cannot be switched off. */
export type AuditRecord = DecisionRecord | OutcomeRecord | ControlRecord;

/** A record in its chain: canonical JSON of `{ seq, prev, record }`, and its SHA-256. */
export interface ChainedLine {
  /** Position from 0. */
  readonly seq: number;
  /** Hash of the line before; 64 zeros for the first. */
  readonly prev: string;
  readonly hash: string;
  /** The exact text that was hashed. */
  readonly text: string;
}
