import type { AIMessage } from "@langchain/core/messages";
import { isGraphBubbleUp } from "@langchain/langgraph";
import {
  createMiddleware,
  MiddlewareError,
  type AgentMiddleware,
  type AnyAgentMiddleware,
  type ModelRequest,
  type WrapModelCallHandler,
} from "langchain";

import { withAnsweredCalls } from "./answered-calls.ts";
import { meterNode } from "./metered.ts";
import { governedModelCall, type ModelGate } from "./model-gate.ts";
import type { NestedCallHandler } from "./nested-calls.ts";
import { withVisibleTools } from "./visible-tools.ts";

/**
 * Surrounds the other middleware, which sees only the tools that may run, and judges an answer that one of them gives
 * itself, without asking the model. Belongs first in the list.
 */
export function modelInterception(name: string, gate: SurroundedGate): AgentMiddleware {
  return createMiddleware({ name, wrapModelCall: (request, handler) => surrounded(gate, request, handler) });
}

function complete(request: ModelRequest): ModelRequest {
  const messages = withAnsweredCalls(request.messages);
  return messages === request.messages ? request : { ...request, messages };
}

interface SurroundedGate extends ModelGate {
  /** Makes what governs the calls that other middleware makes on its own. */
  readonly nested: () => NestedCallHandler;
}

async function surrounded(
  gate: SurroundedGate,
  given: ModelRequest,
  handler: WrapModelCallHandler,
): Promise<AIMessage> {
  const { calls } = gate;
  const request = await withVisibleTools(gate, complete(given));
  const nested = gate.nested();
  meterNode(nested);
  let isPaused = false;
  try {
    const answer = await withBareErrors(handler)(request);
    if (calls.hasStarted(request.runtime)) return answer;
    // Nobody asked the provider through us: where the answer comes from is not known, so it is judged as a call's.
    return await governedModelCall(gate, request, () => answer, { isCharged: nested.hasAskedModel });
  } catch (error) {
    isPaused = isGraphBubbleUp(error);
    throw error;
  } finally {
    calls.end(request.runtime, isPaused);
  }
}

/**
 * The middleware nearest to the gate, with the errors of the provider as it would get them without the gate: each layer
 * that createAgent composes wraps what goes through it in a `MiddlewareError`, and a `retryOn` that names classes would
 * match no more.
 */
export function seeingBareErrors<M extends AnyAgentMiddleware>(middleware: M): M {
  const { wrapModelCall } = middleware;
  // A class of its own may have private members that a copy lacks.
  if (wrapModelCall === undefined || Object.getPrototypeOf(middleware) !== Object.prototype)
    return middleware;
  const wrapped: typeof wrapModelCall = (request, handler) => wrapModelCall(request, withBareErrors(handler));
  return { ...middleware, wrapModelCall: wrapped };
}

function withBareErrors<H extends (...request: never[]) => unknown>(handler: H): H {
  const bare = async (...request: Parameters<H>): Promise<unknown> => {
    try {
      return await handler(...request);
    } catch (error) {
      throw MiddlewareError.isInstance(error) && error.cause !== undefined ? error.cause : error;
    }
  };
  // The same function but for what it throws.
  return bare as H;
}
