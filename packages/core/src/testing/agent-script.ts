import type { MaybePromise } from "../base/maybe-promise.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Usage } from "../base/model-costs.ts";

/** A tool call that the scripted model makes. */
export interface ScriptCall {
  /** The framework must use exactly this as the call's id: replay, resume and retry are told by it. */
  readonly id: string;
  readonly tool: string;
  /** Any JSON object; declare tools with a schema that lets every member through. */
  readonly input: JsonObject;
}

/** One answer of the scripted model. */
export interface ScriptTurn {
  /** The text, in the pieces in which a stream delivers it. */
  readonly text?: readonly string[];
  /** Tool calls, after the text. */
  readonly calls?: readonly ScriptCall[];
  /** Tokens the provider reports; absent: it reports none. */
  readonly usage?: Usage;
  /**
   * Awaited inside the provider before each piece of text, and once (with 0) for a turn without text. A throw fails
   * the provider's call. Outside a stream all pieces pass before the answer is returned.
   * @param piece Position of the piece that comes next.
   */
  readonly beforePiece?: (piece: number) => MaybePromise<void>;
}

/** A tool the framework registers. */
export interface ScriptTool {
  readonly name: string;
  /** What it does, or the agent it delegates to: then its result is that agent's final text. */
  readonly does: ScriptWork | ScriptAgent;
}

/**
 * The body of a tool.
 * @param input What the framework executes the tool with.
 * @param signal The signal the framework hands to the tool, if it does.
 */
export type ScriptWork = (input: unknown, signal: AbortSignal | undefined) => MaybePromise<JsonValue>;

/** An agent: a scripted model and its tools. */
export interface ScriptAgent {
  readonly agent: string;
  /** One answer for each time the provider is reached, in order; after the last one the model answers `"done"`. */
  readonly turns: readonly ScriptTurn[];
  readonly tools: readonly ScriptTool[];
}
