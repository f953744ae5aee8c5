import { AgentplaneError } from "@agentplane/core";

import { RESULT } from "./langgraph/tool-call.ts";
import { UsageMeter } from "./langgraph/usage-meter.ts";
import type { GateSettings } from "./langgraph/settings.ts";
import { runFactsOf } from "./langgraph/run-facts.ts";
import { identityOf } from "./identity.ts";

/**
 * What becomes of calls that code inside a governed agent makes on its own: other middleware with a model of its own, a
 * tool with a model, tools or an agent in it. `govern` (default) decides its calls of models and of tools, `charge` those
 * of models alone.
 */
export type NestedCalls = "govern" | "charge";

/** Places that were warned of, so that each is named once in a process. */
const TOLD = new Set<string>();

/**
 * Governs from outside what nobody governs from inside, as far as a callback can: a call that is not allowed does not
 * happen, what it used is charged, and a result is redacted in place. A call whose input would have to be rewritten, or
 * that needs a human, is refused.
 */
export class NestedCallHandler extends UsageMeter {
  /** Whether any model was asked. */
  hasAskedModel = false;
  readonly #nested: NestedCalls;

  constructor(settings: GateSettings, nested: NestedCalls) {
    super(settings);
    this.#nested = nested;
  }

  override async handleChatModelStart(
    ...start: Parameters<UsageMeter["handleChatModelStart"]>
  ): Promise<void> {
    this.hasAskedModel = true;
    await super.handleChatModelStart(...start);
  }

  override async handleToolStart(
    ...[tool, input, runId, , , metadata, runName]: Parameters<NonNullable<UsageMeter["handleToolStart"]>>
  ): Promise<void> {
    const name = runName ?? tool.id.at(-1) ?? "unknown";
    this.#tell(name, metadata?.["lc_agent_name"]);
    if (this.#nested === "charge") return;
    const { plane, identity } = this.settings;
    const admitted = await plane.guard.admit({
      hookpoint: "before_tool_call",
      ...identityOf(identity, runFactsOf(undefined)),
      tool: { name, input: inputOf(input) },
    });
    if (admitted.status !== "admitted") throw admitted.error;
    if (admitted.isInputChanged) {
      await plane.guard.release(admitted);
      throw new AgentplaneError(
        "usage_invalid",
        `the input of ${name} would have to be changed, which only its own agent under govern can`,
      );
    }
    this.started(runId, admitted);
  }

  override async handleToolEnd(output: unknown, runId: string): Promise<void> {
    const admission = this.take(runId);
    if (admission === undefined) return;
    const outcome = await this.settings.plane.guard.complete(admission, {
      status: "ran",
      result: output,
      codec: RESULT,
    });
    if (outcome.status !== "ran") throw outcome.error;
    // A message is changed in place; a bare value has left already.
    if (outcome.result !== output)
      throw new AgentplaneError(
        "usage_invalid",
        "the result would have to be changed, which only its own agent under govern can",
      );
  }

  override async handleToolError(error: unknown, runId: string): Promise<void> {
    await this.failed(runId, error);
  }

  #tell(tool: string, agent: unknown): void {
    const inside = typeof agent === "string" && agent !== "" ? `agent "${agent}"` : "an agent or a tool";
    const place = `${this.#nested} ${this.settings.identity.agent} ${inside} ${tool}`;
    if (TOLD.has(place) || TOLD.size > MAX_TOLD) return;
    TOLD.add(place);
    const how =
      this.#nested === "charge"
        ? "is not governed"
        : "is governed from outside, where nothing is rewritten and nobody asked";
    console.warn(
      `agentplane: the tool "${tool}" of ${inside} inside "${this.settings.identity.agent}" ${how}; ` +
        "put that agent under govern(), or the tool under guardTool()",
    );
  }
}

const MAX_TOLD = 1_000;

/** LangChain tells handlers of an input as text: mostly the JSON of its arguments. */
function inputOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : { input: text };
  } catch {
    return { input: text };
  }
}
