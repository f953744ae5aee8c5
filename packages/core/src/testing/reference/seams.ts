import type { JsonValue } from "../../base/json.ts";
import type { MaybePromise } from "../../base/maybe-promise.ts";
import type { Usage } from "../../base/model-costs.ts";
import type { PolicyContext } from "../../context/context.ts";
import type { ContextInit } from "../../context/create-context.ts";
import type { GuardedCall } from "../../enforce/execute.ts";
import type { Guard } from "../../enforce/guard.ts";
import type { StreamCall } from "../../enforce/guard-stream.ts";
import type { Denied } from "../../enforce/outcome.ts";
import type { AgentPlane } from "../../plane.ts";
import type { RunRequest } from "../adapter-driver.ts";
import type { ScriptCall, ScriptTool } from "../agent-script.ts";

/** What the reference model answers. */
export interface ModelAnswer {
  readonly text: string;
  readonly calls: readonly ScriptCall[];
  readonly usage?: Usage | undefined;
}

/** A piece of a streamed answer; `end` comes last. */
export type ModelChunk =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "end"; readonly calls: readonly ScriptCall[]; readonly usage?: Usage | undefined };

/** What became of a call: `Outcome` without what an agent has no use for. */
export type Answered<R> = { readonly status: "ran"; readonly result: R } | Denied;

/** One tool call on its way through the reference agent. */
export interface ToolFacts {
  readonly call: ScriptCall;
  /** How often the run wants a failed call to be tried again. */
  readonly retries: number;
  readonly isStreaming: boolean;
  /** The run was paused before this call was tried. */
  readonly isResumed: boolean;
  /** The model was offered a tool of this name. */
  readonly isOffered: boolean;
  /** All calls of its turn. */
  readonly turn: readonly ScriptCall[];
  readonly signal: AbortSignal | undefined;
  /** Executes the tool, without asking anyone. */
  execute(input: unknown, signal?: AbortSignal): Promise<JsonValue>;
}

/** One model call on its way through the reference agent. */
export interface ModelFacts {
  readonly isNested: boolean;
  readonly signal: AbortSignal | undefined;
  /** Calls the provider, without asking anyone. */
  ask(): Promise<ModelAnswer>;
  stream(): AsyncIterable<ModelChunk>;
}

/** Whom a seam that builds a context works for. */
export interface ContextFacts {
  readonly isNested: boolean;
  readonly isResumed: boolean;
}

/**
 * Every place at which an adapter touches its framework: the reference adapter goes through these, and a mutant
 * replaces one of them by a mistake.
 */
export interface ReferenceSeams {
  /** The plane that governs an agent. */
  planeOf(request: RunRequest, isNested: boolean): AgentPlane | undefined;
  /** The context of a call, with the identity of the run. */
  contextOf(init: ContextInit, facts: ContextFacts): ContextInit;
  /** The tools a model may see. */
  offer(
    guard: Guard,
    tools: readonly ScriptTool[],
    context: PolicyContext,
  ): MaybePromise<readonly ScriptTool[]>;
  /** The call as it is decided. */
  named(call: ScriptCall, tools: readonly ScriptTool[]): ScriptCall;
  /** The tool that a call executes. */
  find(name: string, tools: readonly ScriptTool[]): ScriptTool | undefined;
  /** Governs one attempt of a tool call. */
  toolCall(
    guard: Guard,
    guarded: GuardedCall<JsonValue>,
    facts: ToolFacts,
  ): MaybePromise<Answered<JsonValue>>;
  modelCall(
    guard: Guard,
    guarded: GuardedCall<ModelAnswer>,
    facts: ModelFacts,
  ): MaybePromise<Answered<ModelAnswer>>;
  modelStream(
    guard: Guard,
    guarded: StreamCall<ModelChunk>,
    facts: ModelFacts,
  ): MaybePromise<AsyncIterable<ModelChunk> | Denied>;
  /** Whether the caller wants the run to end. */
  isStopped(signal: AbortSignal | undefined): boolean;
}

/** The seams of a correct adapter: each is one verb of Guard. */
export const CORRECT_SEAMS: ReferenceSeams = {
  planeOf: ({ plane }) => plane,
  contextOf: (init) => init,
  offer: (guard, tools, context) => guard.visibleTools(tools, context),
  named: (call) => call,
  find: (name, tools) => tools.find((tool) => tool.name === name),
  toolCall: (guard, guarded) => guard.toolCall(guarded),
  modelCall: (guard, guarded) => guard.modelCall(guarded),
  modelStream: (guard, guarded) => guard.modelStream(guarded),
  isStopped: (signal) => signal?.aborted === true,
};
