import type { JsonValue } from "../base/json.ts";
import type { Usage } from "../base/model-costs.ts";
import type { Hookpoint } from "./hookpoint.ts";

/** The acting agent: its own id, the run it belongs to, and its lineage. */
export interface AgentIdentity {
  readonly id: string;
  /** One id for the whole tree of a run; undefined counts into one shared bucket. */
  readonly runId?: string;
  /** Ids of the agents above this one, root first; empty for a root agent. */
  readonly ancestors: readonly string[];
}

/** A tool as it is called: `name` is what the model sees, `server` and `originalName` where it really comes from. */
export interface ToolCall {
  readonly name: string;
  readonly server?: string;
  readonly originalName?: string;
  /** Absent only in previews, before the model has written it. */
  readonly input?: JsonValue;
  /** Digest of the tool's definition, when the adapter pins it. */
  readonly pin?: string;
}

/** A model as it is called. */
export interface ModelCall {
  readonly provider?: string;
  readonly name: string;
  readonly messages: JsonValue;
  /** Names of the tools offered to the model. */
  readonly tools?: readonly string[];
  /** The output limit the request asks for, in tokens. */
  readonly maxOutputTokens?: number;
}

/** What other actions aim at: a resource's URI, a prompt's name, the agent of a handoff, a custom subject. */
export interface Target {
  readonly name: string;
  readonly server?: string;
  /** Absent where the action has none; null is an input, of which a rule may require something. */
  readonly input?: JsonValue;
}

/** An HTTP call a tool makes, normalised once (see `context/api-call.ts`). */
export interface ApiCall {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly scheme: string;
  readonly port?: number;
}

/**
 * What is happening: everything a rule may look at. Frozen, its content snapshotted once, so that what is decided is
 * exactly what runs. Build it with `createContext`; absent dimensions are absent, never an empty string.
 */
export interface PolicyContext {
  readonly hookpoint: Hookpoint;
  readonly agent: AgentIdentity;
  readonly tenant?: string;
  readonly user?: string;
  readonly session?: string;
  /** The framework's id of this call; without one there is no replay protection. */
  readonly callId?: string;
  /**
   * While a human is asked about the call it is known again by this: sent again, it asks and breaches once. Of a call that
   * needs nobody nothing is remembered, so this is no protection from replays, as a `callId` is.
   */
  readonly questionId?: string;
  /** `call`: a human's yes is good for the call of this `callId` alone. Absent: for any call that is the same action. */
  readonly approvalFor?: "call";
  readonly tool?: ToolCall;
  readonly model?: ModelCall;
  readonly target?: Target;
  /** At `after_*`: what the action gave; a failed action has `isError`. */
  readonly result?: JsonValue;
  readonly isError?: boolean;
  readonly usage?: Usage;
  readonly api?: ApiCall;
  readonly tags: Readonly<Record<string, string>>;
  /** Where the call came from when not from the agent itself, such as `mcp-sampling`. */
  readonly origin?: string;
  /** The distributed trace that the call belongs to: 32 hex digits, as W3C Trace Context writes a trace id. */
  readonly traceId?: string;
  /** Epoch ms on the engine's steady clock. */
  readonly nowMs: number;
}
