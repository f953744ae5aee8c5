import { AgentplaneError } from "@agentplane/core";
import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { AIMessage } from "@langchain/core/messages";

import { isMarkedGuarded } from "../call/guarded-mark.ts";
import { RESULT } from "../langgraph/tool-call.ts";
import { UsageMeter } from "../langgraph/usage-meter.ts";
import type { GateSettings } from "../call/settings.ts";
import { nodeConfig, runFactsOf } from "../langgraph/run-facts.ts";
import { identityOf, type RunFacts } from "../call/identity.ts";
import type { JudgingHandler } from "../observed/observed-call.ts";
import type { ShownEnd } from "../observed/observed-handler.ts";
import { RunnableTools, type RunnableTool } from "./runnable-tools.ts";
import { namesOfTool, noteToolNames, type ToolNames } from "./tool-names.ts";

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
export class NestedCallHandler extends UsageMeter implements JudgingHandler {
  // LangChain adds one of a name: another plane's meter must not stand for it.
  override readonly name = "agentplane.nested";
  /** Whether any model was asked. */
  hasAskedModel = false;
  readonly #nested: NestedCalls;
  // A callback runs outside of the run that it is told of; this is made within.
  readonly #node = nodeConfig();
  // Made where something is called inside: most tools call nothing.
  #run: RunFacts | undefined;
  #ends: Map<string, Ending> | undefined;
  #runnableTools: RunnableTools | undefined;

  constructor(settings: GateSettings, nested: NestedCalls) {
    super(settings);
    noteToolNames();
    this.#nested = nested;
  }

  override async handleChatModelStart(
    ...start: Parameters<UsageMeter["handleChatModelStart"]>
  ): Promise<void> {
    this.hasAskedModel = true;
    this.#tellModel(start);
    await super.handleChatModelStart(...start);
  }

  override async handleLLMStart(...start: Parameters<UsageMeter["handleLLMStart"]>): Promise<void> {
    this.hasAskedModel = true;
    await super.handleLLMStart(...start);
  }

  override async handleToolStart(
    ...[serialized, input, runId, , tags, metadata, runName]: Parameters<
      NonNullable<BaseCallbackHandler["handleToolStart"]>
    >
  ): Promise<void> {
    const names = namesOfTool({ serialized, runName });
    await this.#startTool({ runId, made: tags, ...names, input: inputOf(input) }, metadata);
  }

  override async handleChainStart(
    ...[, inputs, runId, parentRunId, tags, metadata, , runName]: Parameters<
      NonNullable<BaseCallbackHandler["handleChainStart"]>
    >
  ): Promise<void> {
    this.#runnableTools ??= new RunnableTools();
    const tool = this.#runnableTools.start({ runId, parentRunId, runName, inputs, made: tags });
    if (tool !== undefined) await this.#startTool({ ...tool, isKnown: true }, metadata);
  }

  override async handleToolEnd(output: unknown, runId: string): Promise<void> {
    const run = this.take(runId);
    if (run === undefined) return;
    let shown: ShownEnd | undefined;
    try {
      const outcome = await this.settings.plane.guard.complete(run.admission, {
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
    } catch (error) {
      shown = { result: new AIMessage(error instanceof Error ? error.message : String(error)) };
      throw error;
    } finally {
      this.judged(runId, shown);
    }
  }

  override async handleToolError(error: unknown, runId: string): Promise<void> {
    await this.failed(runId, error);
  }

  override async handleChainEnd(output: unknown, runId: string): Promise<void> {
    this.#runnableTools?.end(runId);
    await this.handleToolEnd(output, runId);
  }

  override async handleChainError(error: unknown, runId: string): Promise<void> {
    this.#runnableTools?.end(runId);
    await this.failed(runId, error);
  }

  isHeldBack(runId: unknown): boolean {
    return typeof runId === "string" && this.running(runId)?.isHeldBack === true;
  }

  isHolding(): boolean {
    return [...(this.#ends?.values() ?? [])].some(({ isHeldBack }) => isHeldBack);
  }

  shownEnd(runId: unknown): Promise<ShownEnd | undefined> | undefined {
    return typeof runId === "string" ? this.#ends?.get(runId)?.shown : undefined;
  }

  protected override runFacts(): RunFacts {
    return (this.#run ??= runFactsOf(undefined, this.#node));
  }

  protected override started(...[runId, admission, made]: Parameters<UsageMeter["started"]>): void {
    super.started(runId, admission, made);
    const tells: Ending["tells"][] = [];
    const shown = new Promise<ShownEnd | undefined>((resolve) => void tells.push(resolve));
    const tell = (end: ShownEnd | undefined): void => void tells.splice(0).map((each) => each(end));
    this.#ends ??= new Map();
    this.#ends.set(runId, { isHeldBack: this.isHeldBack(runId), shown, tells: tell });
  }

  protected override judged(runId: string, shown: ShownEnd | undefined): void {
    const ending = this.#ends?.get(runId);
    ending?.tells(shown);
    // Who hears of it later is told of the object itself, which is changed by then; of what stands for it for ever.
    if (ending === undefined || shown === undefined) this.#ends?.delete(runId);
    else this.#ends?.set(runId, { ...ending, isHeldBack: false });
  }

  async #startTool(
    { runId, made, name, originalName, isKnown, input }: StartedTool,
    metadata: Readonly<Record<string, unknown>> | undefined,
  ): Promise<void> {
    this.#tell({ kind: "tool", name }, metadata?.["lc_agent_name"]);
    if (this.#nested === "charge") return;
    const { plane, identity } = this.settings;
    const admitted = await plane.guard.admit({
      hookpoint: "before_tool_call",
      ...identityOf(identity, this.runFacts()),
      tool: { name, ...(originalName !== undefined && { originalName }), input },
    });
    if (admitted.status !== "admitted") throw admitted.error;
    const refusal = isKnown ? undefined : NAMELESS;
    if (refusal !== undefined || admitted.isInputChanged) {
      await plane.guard.release(admitted);
      throw new AgentplaneError(
        "usage_invalid",
        refusal ?? `the input of ${name} would have to be changed, which only its own agent under govern can`,
      );
    }
    this.started(runId, admitted, made);
  }

  /** A model in a graph of its own: an agent that nobody governs, also where it calls no tool. */
  #tellModel([llm, , , , , , metadata = {}]: Parameters<UsageMeter["handleChatModelStart"]>): void {
    const [own, place] = [this.runFacts().configurable?.["checkpoint_ns"], metadata["checkpoint_ns"]];
    if (isMarkedGuarded(llm) || typeof place !== "string" || typeof own !== "string") return;
    if (!place.startsWith(`${own}|`)) return;
    const name = metadata["ls_model_name"] ?? metadata["ls_provider"];
    this.#tell(
      { kind: "model", name: typeof name === "string" ? name : "unknown" },
      metadata["lc_agent_name"],
    );
  }

  #tell({ kind, name }: { readonly kind: "tool" | "model"; readonly name: string }, agent: unknown): void {
    const inside = typeof agent === "string" && agent !== "" ? `agent "${agent}"` : "an agent or a tool";
    const place = `${this.#nested} ${this.settings.identity.agent} ${inside} ${kind} ${name}`;
    if (TOLD.has(place) || TOLD.size > MAX_TOLD) return;
    TOLD.add(place);
    const how =
      this.#nested === "charge" && kind === "tool"
        ? "is not governed"
        : "is governed from outside, where nothing is rewritten and nobody asked";
    console.warn(
      `agentplane: the ${kind} "${name}" of ${inside} inside "${this.settings.identity.agent}" ${how}; ` +
        `put that agent under govern(), or the ${kind} under ${kind === "tool" ? "guardTool" : "guardModel"}()`,
    );
  }
}

const MAX_TOLD = 1_000;

/** A tool as it starts. */
interface StartedTool extends RunnableTool, ToolNames {}

/** It may be one that is denied. */
const NAMELESS =
  "a tool that does not tell its own name, such as one of another copy of @langchain/core, cannot be governed from outside; " +
  "put it under guardTool(), or install one copy (npm ls @langchain/core)";

/** How handlers beside this one learn of an end. */
interface Ending {
  readonly isHeldBack: boolean;
  readonly shown: Promise<ShownEnd | undefined>;
  readonly tells: (shown: ShownEnd | undefined) => void;
}

/** LangChain tells handlers of an input as text: mostly the JSON of its arguments. */
function inputOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : { input: text };
  } catch {
    return { input: text };
  }
}
