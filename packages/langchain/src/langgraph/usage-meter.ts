import type { Admission, GuardInit } from "@agentplane/core";
import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { AIMessage, type BaseMessage } from "@langchain/core/messages";

import { identityOf, type GovernedIdentity } from "../identity.ts";
import { readContent } from "../message-content.ts";
import { usageOf } from "../model-facts.ts";
import { MODEL_RESULT } from "../model-result.ts";
import { METERS } from "../observed-call.ts";
import type { GovernedPlane } from "../plane.ts";
import { isMarkedGuarded } from "./guarded-mark.ts";
import { runFactsOf } from "./run-facts.ts";
import type { GateSettings } from "./settings.ts";

/**
 * Charges the model calls of a run that nobody else governs: those that other code makes with models of its own, such as
 * a summary. Each is reserved before and settled with what the provider reports; one that is not allowed does not
 * happen, and throws. Calls of a guarded model, and of an agent under `govern`, are left to it.
 *
 * A callback can stop a call and rewrite a whole answer; it cannot hold back a stream or ask a human.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who the agent is, and where a run says for whom it acts.
 * @example await graph.invoke(input, { callbacks: [usageMeter(plane, { agent: "support" })] });
 */
export function usageMeter(plane: GovernedPlane, identity: GovernedIdentity): BaseCallbackHandler {
  return new UsageMeter({ plane, identity });
}

/** The handler itself, for who adds to what it charges. */
export class UsageMeter extends BaseCallbackHandler {
  readonly name = "agentplane.meter";
  readonly [METERS]: GovernedPlane;
  override awaitHandlers = true;
  override raiseError = true;
  protected readonly settings: GateSettings;
  readonly #running = new Map<string, Admission>();

  constructor(settings: GateSettings) {
    super();
    this.settings = settings;
    this[METERS] = settings.plane;
  }

  override copy(): BaseCallbackHandler {
    // The end of a call must find its beginning.
    return this;
  }

  override async handleChatModelStart(
    ...[llm, messages, runId, , extra, , metadata]: Parameters<
      NonNullable<BaseCallbackHandler["handleChatModelStart"]>
    >
  ): Promise<void> {
    if (isMarkedGuarded(llm)) return;
    const { plane, identity } = this.settings;
    const prompt = messages.flat();
    const context = contextOf(identity, { prompt, metadata, offered: offeredIn(extra) });
    const admitted = await plane.guard.admit(context);
    if (admitted.status !== "admitted") throw admitted.error;
    this.started(runId, admitted);
  }

  override async handleLLMEnd(
    ...[output, runId]: Parameters<NonNullable<BaseCallbackHandler["handleLLMEnd"]>>
  ): Promise<void> {
    const admission = this.take(runId);
    const generation = output.generations[0]?.[0];
    if (admission === undefined) return;
    const message: unknown =
      generation !== undefined && "message" in generation ? generation.message : undefined;
    const result = AIMessage.isInstance(message) ? message : new AIMessage(generation?.text ?? "");
    const outcome = await this.settings.plane.guard.complete(admission, {
      status: "ran",
      result,
      usage: usageOf(result),
      codec: MODEL_RESULT,
    });
    if (outcome.status !== "ran") throw outcome.error;
    // The message was changed in place; LangChain repeats its text beside it.
    if (generation !== undefined) generation.text = result.text;
  }

  override async handleLLMError(
    ...[error, runId]: Parameters<NonNullable<BaseCallbackHandler["handleLLMError"]>>
  ): Promise<void> {
    await this.failed(runId, error);
  }

  /** Remembers what was admitted until its run ends. */
  protected started(runId: string, admission: Admission): void {
    this.#running.set(runId, admission);
  }

  /** Ends a run that threw. */
  protected async failed(runId: string, error: unknown): Promise<void> {
    const admission = this.take(runId);
    if (admission === undefined) return;
    try {
      const outcome = await this.settings.plane.guard.complete(admission, { status: "failed", error });
      if (outcome.status !== "ran") throw outcome.error;
    } catch (shown) {
      // The caller gets the call's own error, or what a policy makes of it.
      if (shown !== error) throw shown;
    }
  }

  /** What was admitted for a run, once. */
  protected take(runId: string): Admission | undefined {
    const admission = this.#running.get(runId);
    this.#running.delete(runId);
    return admission;
  }
}

interface Started {
  readonly prompt: readonly BaseMessage[];
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly offered: readonly string[];
}

function contextOf(identity: GovernedIdentity, { prompt, metadata = {}, offered }: Started): GuardInit {
  const { ls_provider: provider, ls_model_name: name, ls_max_tokens: limit } = metadata;
  return {
    hookpoint: "before_model_call",
    ...identityOf(identity, runFactsOf(undefined)),
    model: {
      ...(typeof provider === "string" && { provider }),
      name: typeof name === "string" && name !== "" ? name : "unknown",
      ...(typeof limit === "number" && limit > 0 && { maxOutputTokens: limit }),
      messages: readContent([...prompt]),
      tools: offered,
    },
  };
}

/** Names of the tools that a model is offered, as its options say. */
function offeredIn(extra: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const options = extra?.["options"];
  const tools: unknown =
    typeof options === "object" && options !== null && "tools" in options ? options.tools : [];
  return Array.isArray(tools) ? tools.flatMap(nameIn) : [];
}

function nameIn(tool: unknown): readonly string[] {
  if (typeof tool !== "object" || tool === null) return [];
  const described: unknown = "function" in tool ? tool.function : tool;
  if (typeof described !== "object" || described === null || !("name" in described)) return [];
  return typeof described.name === "string" ? [described.name] : [];
}
