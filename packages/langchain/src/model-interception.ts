import { AgentplaneError, type GuardInit, type PolicyContext } from "@agentplane/core";
import type { AIMessage, BaseMessage, SystemMessage } from "@langchain/core/messages";
import { isGraphBubbleUp } from "@langchain/langgraph";
import {
  createMiddleware,
  type AgentMiddleware,
  type ModelRequest,
  type WrapModelCallHandler,
} from "langchain";

import { askByInterrupt } from "./approval-interrupt.ts";
import { runModel } from "./cut-signal.ts";
import { agentContext, hasSystemMessage, modelContext, promptOf } from "./context.ts";
import { modelRefusal } from "./enforce.ts";
import type { GovernedIdentity } from "./identity.ts";
import { copyMessage, writeContent } from "./message-content.ts";
import { usageOf } from "./model-facts.ts";
import { MODEL_RESULT } from "./model-result.ts";
import type { GovernedPlane } from "./plane.ts";

/** How model calls are intercepted. */
export interface ModelInterception {
  readonly name: string;
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
}

/**
 * Puts every model call to the plane before the provider is reached, and its answer before the agent sees it. Belongs
 * first in the list, where it is outermost: retries of other middleware then count as one call.
 */
export function modelInterception(settings: ModelInterception): AgentMiddleware {
  return createMiddleware({
    name: settings.name,
    async wrapModelCall(request, handler) {
      const asked = await withVisibleTools(settings, request);
      return governedCall(settings.plane, {
        context: modelContext(settings.identity, asked, asked.tools.map(nameOfTool)),
        request: asked,
        handler,
      });
    },
  });
}

interface ModelCall {
  readonly context: GuardInit;
  readonly request: ModelRequest;
  readonly handler: WrapModelCallHandler;
}

/** Decides, runs, and asks a human as often as the plane finds that one is needed. */
async function governedCall(
  plane: GovernedPlane,
  { context, request, handler }: ModelCall,
): Promise<AIMessage> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const outcome = await plane.guard.modelCall<AIMessage>({
      context,
      run(admission) {
        const asAdmitted = admission.isInputChanged ? withPrompt(request, admission.input) : request;
        const running = { signal: admission.signal, isHeldBack: isHeldBack(plane, admission.context) };
        return runModel(running, () => handler(asAdmitted));
      },
      result: MODEL_RESULT,
      usage: usageOf,
      isControlFlow: isGraphBubbleUp,
    });
    if (outcome.status === "ran") return outcome.result;
    if (outcome.status === "blocked") return modelRefusal(outcome);
    // oxlint-disable-next-line no-await-in-loop
    const answer = await askByInterrupt(plane, outcome);
    if (!answer.isAnswered) return modelRefusal({ ...outcome, message: answer.message });
  }
}

/**
 * Hides what may not be called now. For a tool that runs at the provider (`{ type: "web_search" }`) this is the only
 * place where it can be stopped.
 */
async function withVisibleTools(
  { plane, identity }: ModelInterception,
  request: ModelRequest,
): Promise<ModelRequest> {
  const named = request.tools.map((tool) => ({ name: nameOfTool(tool), tool }));
  const visible = await plane.guard.visibleTools(named, agentContext(identity, request));
  return visible.length === named.length ? request : { ...request, tools: visible.map(({ tool }) => tool) };
}

/** The request with the prompt as the plane changed it. */
function withPrompt(request: ModelRequest, content: unknown): ModelRequest {
  const prompt = promptOf(request);
  if (!Array.isArray(content) || content.length !== prompt.length) {
    throw new AgentplaneError(
      "usage_invalid",
      "a policy or hook may change the messages of a prompt, not their number",
    );
  }
  const changed = prompt.map((message, position): BaseMessage => {
    const copy = copyMessage(message);
    writeContent(copy, content[position]);
    return copy;
  });
  if (!hasSystemMessage(request)) return { ...request, messages: changed };
  const [systemMessage, ...messages] = changed;
  // The first message of the prompt was the request's system message, and a copy keeps the class.
  return { ...request, systemMessage: systemMessage as SystemMessage, messages };
}

/** Where a rule looks at the answer, none of it may be streamed before the rule has seen it. */
function isHeldBack({ engine }: GovernedPlane, context: PolicyContext): boolean {
  const { holdBack, redact } = engine.streamDuties(context);
  return holdBack !== 0 || redact.length > 0;
}

/** Tools of LangChain have a name; tools of a provider a type, or a function with a name. */
function nameOfTool(tool: ModelRequest["tools"][number]): string {
  const {
    name,
    type,
    function: described,
  } = tool as { name?: unknown; type?: unknown; function?: { name?: unknown } };
  for (const text of [name, described?.name, type]) if (typeof text === "string" && text !== "") return text;
  return "unnamed";
}
