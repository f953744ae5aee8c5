import type { MaybePromise } from "../base/maybe-promise.ts";
import type { AgentPlane } from "../plane.ts";
import type { StateStore } from "../store/state-store.ts";
import type { ScriptAgent } from "./agent-script.ts";

/** What a framework, with its adapter, can do at all. */
export const CAPABILITIES = [
  "model",
  "stream",
  "parallel",
  "retry",
  "resume",
  "nested",
  "hiding",
  "abort",
] as const;

/**
 * `model`: the framework calls models, not only tools · `stream`: and streams their text · `parallel`: runs the calls
 * of one turn at once · `retry`: calls a tool again that failed, under the same call id · `resume`: pauses for an
 * approval and goes on later · `nested`: a tool can run another governed agent · `hiding`: the adapter takes tools
 * off the list that a model sees · `abort`: the caller can abort a run.
 */
export type Capability = (typeof CAPABILITIES)[number];

/** One run of a governed agent. */
export interface RunRequest {
  /** Undefined: the bare framework without any adapter, to compare with. */
  readonly plane: AgentPlane | undefined;
  readonly script: ScriptAgent;
  readonly tenant?: string;
  readonly user?: string;
  /** A run in the same session with the same call ids is a replay. */
  readonly session: string;
  /** Use the framework's streaming surface. Default false. */
  readonly isStreaming?: boolean;
  /** The caller's own signal. */
  readonly signal?: AbortSignal;
  /** How often a tool call that threw is tried again, outside the adapter's gate. Default 0. */
  readonly retries?: number;
}

/** What a provider received when it was reached. */
export interface SeenModelCall {
  readonly agent: string;
  /** Everything of the request that the model reads, as one text. */
  readonly prompt: string;
  /** Names of the tools offered. */
  readonly offered: readonly string[];
  /** How many tokens of output the request allows; absent: as many as the model has. */
  readonly maxOutputTokens?: number;
}

/** What a model was told of one tool call. */
export interface SeenResult {
  readonly callId: string;
  readonly text: string;
  readonly isError: boolean;
}

/** A call that waits for a human. */
export interface PendingCall {
  readonly approvalId: string;
}

/** What became of a run, as user code can see it. */
export interface AgentRun {
  readonly status: "done" | "pending" | "failed";
  /** Every time a provider was reached, nested agents included. */
  readonly modelCalls: readonly SeenModelCall[];
  /** Every tool result that went back to a model, nested agents included, in the order in which they came. */
  readonly results: readonly SeenResult[];
  /** The agent's final text; empty when there is none. */
  readonly text: string;
  /** Text as a streaming caller received it. */
  readonly pieces: readonly string[];
  /** Every other text that user code can observe: events, callbacks, tracing, saved state. */
  readonly observed: readonly string[];
  readonly pending: readonly PendingCall[];
  /** Why a run failed. */
  readonly error?: unknown;
}

/** A human's answer, already given to the plane; frameworks that want one too are handed it when they go on. */
export interface ApprovalAnswer {
  readonly approvalId: string;
  readonly isApproved: boolean;
}

/**
 * What an adapter's test supplies: it plays a script with the real framework and the adapter under test. It adds no
 * check of its own, and gives the framework exactly the script's call ids.
 */
export interface AdapterDriver {
  readonly capabilities: readonly Capability[];
  /** The state of each plane that is governed with; default: in memory. */
  createState?(): StateStore;
  /** Runs the script until it is done, pending or failed. Never rejects for a denial. */
  run(request: RunRequest): Promise<AgentRun>;
  /**
   * Goes on with a pending run, through the framework's own way.
   * @returns The whole run: what was seen before the pause is part of it.
   */
  resume(run: AgentRun, answers: readonly ApprovalAnswer[]): Promise<AgentRun>;
  close?(): MaybePromise<void>;
}
