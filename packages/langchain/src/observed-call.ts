import type { Usage } from "@agentplane/core";
import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { CallbackManager, type Callbacks } from "@langchain/core/callbacks/manager";
import { AIMessage } from "@langchain/core/messages";

import { streamedTokens, type StreamedTokens } from "./streamed-tokens.ts";

/** What callback handlers are told about the end of a call. */
export type ShownEnd = { readonly result: unknown } | { readonly error: unknown };

/** A running call whose end callback handlers learn only once it was judged. */
export interface ObservedCall {
  /** The same callbacks, to be given to the call in place of its own. */
  readonly callbacks: Callbacks | undefined;
  /** Tokens that were streamed so far; undefined when there were none. */
  streamed(): Usage | undefined;
  /** Tells the handlers how the call ended. */
  end(shown: ShownEnd): Promise<void>;
}

const MODEL_ENDS = new Set(["handleLLMEnd", "handleChainEnd", "handleLLMError", "handleChainError"]);
const MODEL_TOKENS = new Set(["handleLLMNewToken", "handleChatModelStreamEvent"]);
const TOOL_ENDS = new Set(["handleToolEnd", "handleToolError"]);

/**
 * Observes a call of a model. LangChain tells its handlers of each token and of the end before any middleware sees the
 * answer.
 * @param isHeldBack Whether a rule looks at the answer: then no token is told, and the end only as it was judged.
 */
export function observeModel(callbacks: Callbacks | undefined, isHeldBack: boolean): ObservedCall {
  const tokens = streamedTokens();
  return observe(callbacks, {
    tokens,
    isEnd: (event) => isHeldBack && MODEL_ENDS.has(event),
    isHidden: (event) => isHeldBack && MODEL_TOKENS.has(event),
    isOwnStart: () => true,
  });
}

/** Observes a call of a tool: what runs inside it, such as another agent, tells of itself as it is. */
export function observeTool(callbacks: Callbacks | undefined): ObservedCall {
  const parent = callbacks instanceof CallbackManager ? callbacks.getParentRunId() : undefined;
  return observe(callbacks, {
    tokens: undefined,
    isEnd: (event, args) => TOOL_ENDS.has(event) && args[2] === parent,
    isHidden: () => false,
    isOwnStart: (event, args) => event === "handleToolStart" && args[3] === parent,
  });
}

/** Marks a callback handler that governs calls which nobody else does; its value is the plane. */
export const METERS: unique symbol = Symbol("agentplane.meters");

interface Observer {
  readonly tokens: StreamedTokens | undefined;
  readonly isEnd: (event: string, args: readonly unknown[]) => boolean;
  readonly isHidden: (event: string) => boolean;
  /** Whether an event that is no end concerns the governed call itself, which no meter is to govern as well. */
  readonly isOwnStart: (event: string, args: readonly unknown[]) => boolean;
}

type Tell = (shown: ShownEnd) => unknown;

function observe(callbacks: Callbacks | undefined, observer: Observer): ObservedCall {
  const waiting: Tell[] = [];
  let shown: ShownEnd | undefined;
  const atEnd = (tell: Tell): unknown => {
    // A handler that is not awaited may hear of the end after the call was judged.
    if (shown !== undefined) return tell(shown);
    waiting.push(tell);
    return undefined;
  };
  return {
    callbacks: callbacks === undefined ? undefined : replaced(callbacks, observer, atEnd),
    streamed: () => observer.tokens?.usage(),
    async end(given) {
      shown = given;
      for (const tell of waiting.splice(0)) {
        // oxlint-disable-next-line no-await-in-loop -- handlers hear of events in their order
        await tell(given);
      }
    },
  };
}

function replaced(callbacks: Callbacks, observer: Observer, atEnd: (tell: Tell) => unknown): Callbacks {
  const known = new Map<object, object>();
  const observed = <H extends object>(handler: H): H => {
    const proxy = known.get(handler) ?? observedHandler(handler, observer, atEnd);
    known.set(handler, proxy);
    // A proxy of a handler is one.
    return proxy as H;
  };
  if (Array.isArray(callbacks)) return callbacks.map((handler) => observed(handler));
  const copy = callbacks.copy();
  copy.handlers = copy.handlers.map(observed);
  copy.inheritableHandlers = copy.inheritableHandlers.map(observed);
  return copy;
}

function observedHandler<H extends object>(
  handler: H,
  observer: Observer,
  atEnd: (tell: Tell) => unknown,
): H {
  const isMeter = METERS in handler;
  return new Proxy(handler, {
    get(target, name) {
      // Read and called on the handler itself, whose class may have private members.
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name !== "string" || name === "constructor") return value;
      const call = (args: readonly unknown[]): unknown => Reflect.apply(value, target, args);
      if (!name.startsWith("handle")) return (...args: readonly unknown[]) => call(args);
      return (...args: readonly unknown[]): unknown => {
        if (MODEL_TOKENS.has(name)) observer.tokens?.take(args);
        if (observer.isHidden(name)) return undefined;
        if (isMeter && observer.isOwnStart(name, args)) return undefined;
        if (!observer.isEnd(name, args)) return call(args);
        return atEnd((shown) => told(target, call, [name, args, shown]));
      };
    },
  });
}

/** A handler that throws is reported, or heard, as LangChain does it. */
async function told(
  handler: object,
  call: (args: readonly unknown[]) => unknown,
  [event, args, shown]: readonly [string, readonly unknown[], ShownEnd],
): Promise<void> {
  try {
    await call([shownTo(event, shown), ...args.slice(1)]);
  } catch (error) {
    // Any handler may have this member.
    if ((handler as Partial<BaseCallbackHandler>).raiseError === true) throw error;
    console.warn(`Error in handler ${handler.constructor.name}, ${event}: ${String(error)}`);
  }
}

function shownTo(event: string, shown: ShownEnd): unknown {
  if (event.endsWith("Error")) return "error" in shown ? shown.error : new Error("the result was withheld");
  const result = "result" in shown ? shown.result : undefined;
  if (event !== "handleLLMEnd") return result;
  const message = messageOf(result) ?? new AIMessage("");
  return { generations: [[{ text: message.text, message }]] };
}

/** The model's message, also of a structured response. */
function messageOf(result: unknown): AIMessage | undefined {
  if (AIMessage.isInstance(result)) return result;
  if (typeof result !== "object" || result === null || !("messages" in result)) return undefined;
  return Array.isArray(result.messages)
    ? result.messages.find((one) => AIMessage.isInstance(one))
    : undefined;
}
