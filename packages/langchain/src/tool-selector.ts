import type { AgentMiddleware, AnyAgentMiddleware, ModelRequest } from "langchain";

import type { GovernedIdentity } from "./identity.ts";
import { isChatModel } from "./langgraph/chat-model.ts";
import { guardModel } from "./langgraph/guard-model.ts";
import { guardedCallsOf } from "./langgraph/task-calls.ts";
import type { GovernedPlane } from "./plane.ts";

/** The name of `llmToolSelectorMiddleware`, whose own call of a model tells no callback anything. */
const SELECTOR = "LLMToolSelector";

const TOLD = new WeakSet<object>();

/**
 * A middleware that lets a model select tools, whose call of the agent's model is governed where it is made: no callback
 * hears of it. Where it has another model, which nobody governs, the console says so once. Any other middleware stays as
 * it is.
 */
export function withGovernedSelector<M extends AnyAgentMiddleware>(
  middleware: M,
  { plane, identity }: { readonly plane: GovernedPlane; readonly identity: GovernedIdentity },
): M {
  const { name, wrapModelCall } = middleware;
  if (name !== SELECTOR || wrapModelCall === undefined) return middleware;
  const select: NonNullable<AgentMiddleware["wrapModelCall"]> = (request, handler) => {
    const { model } = request;
    const guarded = isChatModel(model) ? guardModel(plane, identity, model, { onBlock: "throw" }) : model;
    const before = guardedCallsOf(plane);
    // The agent's own call is governed innermost: of its model, not of one that is governed already.
    const selected = (given: ModelRequest): ReturnType<typeof handler> => {
      if (given.tools !== request.tools && guardedCallsOf(plane) === before) tell(middleware, identity);
      return handler(given.model === guarded ? { ...given, model } : given);
    };
    return Reflect.apply(wrapModelCall, middleware, [{ ...request, model: guarded }, selected]);
  };
  return new Proxy(middleware, {
    get: (target, key) => (key === "wrapModelCall" ? select : Reflect.get(target, key, target)),
  });
}

function tell(middleware: object, { agent }: GovernedIdentity): void {
  if (TOLD.has(middleware)) return;
  TOLD.add(middleware);
  console.warn(
    `agentplane: llmToolSelectorMiddleware of "${agent}" asks a model of its own, which nobody governs; ` +
      "give it guardModel(plane, identity, model)",
  );
}
