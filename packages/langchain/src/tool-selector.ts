import type { AgentMiddleware, AnyAgentMiddleware, ModelRequest } from "langchain";

import type { GovernedIdentity } from "./call/identity.ts";
import { isChatModel } from "./langgraph/chat-model.ts";
import { guardModel } from "./langgraph/guard-model.ts";
import type { GovernedPlane } from "./call/plane.ts";

/** The name of `llmToolSelectorMiddleware`, whose own call of a model tells no callback that is around it. */
const SELECTOR = "LLMToolSelector";

/**
 * A middleware that lets a model select tools, whose call of the agent's model is governed where it is made: only there a
 * prompt can be rewritten and a human asked. Where it has another model, that is governed from outside. Any other middleware
 * stays as it is.
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
    // The agent's own call is governed innermost: of its model, not of one that is governed already.
    const selected = (given: ModelRequest): ReturnType<typeof handler> =>
      handler(given.model === guarded ? { ...given, model } : given);
    return Reflect.apply(wrapModelCall, middleware, [{ ...request, model: guarded }, selected]);
  };
  return new Proxy(middleware, {
    get: (target, key) => (key === "wrapModelCall" ? select : Reflect.get(target, key, target)),
  });
}
