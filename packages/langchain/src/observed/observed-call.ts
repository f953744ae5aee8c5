import type { Usage } from "@agentplane/core";
import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import type { CallbackManager, Callbacks } from "@langchain/core/callbacks/manager";

import { GovernedCallbacks, type OwnCall } from "./governed-callbacks.ts";
import type { Showing } from "../shown/held-back.ts";
import {
  managerOf,
  METERS,
  observedHandler,
  replacedCallbacks,
  toldLater,
  type ShownEnd,
  type Tell,
} from "./observed-handler.ts";
import { shownTokens } from "./shown-tokens.ts";
import { TokenCounter } from "../shown/streamed-tokens.ts";
import { isToldOfAll } from "../call/told-of-all.ts";

/** A running call whose end callback handlers learn only once it was judged. */
export interface ObservedCall {
  /** The same callbacks, to be given to the call in place of its own. */
  readonly callbacks: Callbacks | undefined;
  /** Tokens that were streamed so far; undefined when there were none. */
  streamed(): Usage | undefined;
  /** Tells the handlers how the call ended: so, or as it came. Absent where nobody hears of it. */
  readonly end?: (shown: ShownEnd | undefined) => Promise<void>;
}

const MODEL_ENDS = new Set(["handleLLMEnd", "handleChainEnd", "handleLLMError", "handleChainError"]);
const MODEL_TOKENS = new Set(["handleLLMNewToken", "handleChatModelStreamEvent"]);
const TOOL_ENDS = new Set(["handleToolEnd", "handleToolError"]);

/**
 * Observes a call of a model. LangChain tells its handlers of each token and of the end before any middleware sees the
 * answer.
 * @param showing Where a rule looks at the answer, tokens are told as far as they can be shown. The end always waits: a policy
 * may come into force while the call runs.
 */
export function observeModel(callbacks: Callbacks | undefined, showing: Showing): ObservedCall {
  const counter = new TokenCounter();
  const observed = observe(callbacks ?? [], {
    showing,
    isEnd: (event) => MODEL_ENDS.has(event),
    isHidden: (event) => showing === "nothing" && MODEL_TOKENS.has(event),
    isOwnStart: () => true,
  });
  const heard = managerOf(observed.callbacks ?? []);
  // What a model calls inside counts for itself.
  heard.addHandler(counter, false);
  return { ...observed, callbacks: heard, streamed: () => counter.tokens.usage() };
}

/** How a call of a tool is observed. */
export interface ToolObserving {
  /** Undefined where handlers have been told of its start already. */
  readonly call: OwnCall | undefined;
  /** Who is told of what the tool calls alone. */
  readonly inside?: BaseCallbackHandler;
  /** Whether a rule looks at the result: then nothing is told that the tool shows while it works. */
  readonly isHeldBack: () => boolean;
}

/** Observes a call of a tool: what runs inside it, such as another agent, tells of itself as it is. */
export function observeTool(
  callbacks: Callbacks | undefined,
  { call, inside, isHeldBack }: ToolObserving,
): ObservedCall {
  const heard = callbacks && managerOf(callbacks);
  const governed = (manager: typeof heard): CallbackManager | undefined =>
    call === undefined ? manager : new GovernedCallbacks(manager, inside === undefined ? [] : [inside], call);
  if (heard === undefined && inside === undefined && !isToldOfAll()) return unobserved(undefined);
  // As most calls are: what would be kept from handlers has nobody to be kept from.
  if (heard === undefined || isUnheard(heard)) return unobserved(governed(heard));
  // What it calls with its own configuration has the same run around it.
  const isOwn = (args: readonly unknown[]): boolean => call !== undefined && args[1] === call.runId;
  const observed = observe(heard, {
    showing: "all",
    isEnd: (event, args) => TOOL_ENDS.has(event) && isOwn(args),
    isHidden: (event, args) => event === "handleToolEvent" && isOwn(args) && isHeldBack(),
    isOwnStart: () => false,
  });
  return { ...observed, callbacks: governed(observed.callbacks && managerOf(observed.callbacks)) };
}

/** Whether nobody at all hears of a call with these callbacks. */
function isUnheard({ handlers, inheritableHandlers }: CallbackManager): boolean {
  return handlers.length === 0 && inheritableHandlers.every((one) => METERS in one);
}

function unobserved(callbacks: Callbacks | undefined): ObservedCall {
  return { callbacks, streamed: () => undefined };
}

interface Observer {
  /** How tokens are told that are not hidden. */
  readonly showing: Showing;
  readonly isEnd: (event: string, args: readonly unknown[]) => boolean;
  readonly isHidden: (event: string, args: readonly unknown[]) => boolean;
  /** Whether an event that is no end may concern the governed call itself, which no meter is to govern as well. */
  readonly isOwnStart: () => boolean;
}

function observe(callbacks: Callbacks | undefined, observer: Observer): ObservedCall {
  const waiting: Tell[] = [];
  let judged: { readonly shown: ShownEnd | undefined } | undefined;
  const atEnd = (tell: Tell): unknown => {
    // A handler that is not awaited may hear of the end after the call was judged.
    if (judged !== undefined) return tell(judged.shown);
    waiting.push(tell);
    return undefined;
  };
  return {
    callbacks: callbacks === undefined ? undefined : replaced(callbacks, observer, atEnd),
    streamed: () => undefined,
    async end(shown) {
      judged = { shown };
      for (const tell of waiting.splice(0)) {
        // oxlint-disable-next-line no-await-in-loop -- handlers hear of events in their order
        await tell(shown);
      }
    },
  };
}

function replaced(callbacks: Callbacks, observer: Observer, atEnd: (tell: Tell) => unknown): Callbacks {
  return replacedCallbacks(callbacks, (handler) => {
    const isMeter = METERS in handler;
    const shown = typeof observer.showing === "object" ? shownTokens(observer.showing.open) : undefined;
    return observedHandler(handler, {
      hear(event, args, tell, as) {
        if (observer.isHidden(event, args)) return undefined;
        if (isMeter && observer.isOwnStart()) return undefined;
        if (observer.isEnd(event, args)) {
          const end = event === "handleLLMEnd" ? (shown?.end(args[1], tell) ?? tell) : tell;
          return atEnd((judged) => toldLater(handler, event, () => end(judged)));
        }
        if (shown !== undefined && event === "handleLLMNewToken") return shown.token(args, as);
        if (shown !== undefined && event === "handleChatModelStreamEvent") return shown.event(args, as);
        return tell();
      },
    });
  });
}

/** A handler that governs what runs inside: it knows how each of those calls ended, and which nobody may hear yet. */
export interface JudgingHandler extends BaseCallbackHandler {
  readonly [METERS]: object;
  /** Whether a rule looks at what a running call gives. */
  isHeldBack(runId: unknown): boolean;
  /** Whether that is so for any running call. */
  isHolding(): boolean;
  /** What handlers are to be told of the end of a call, once it was judged; undefined where it is told as it is. */
  shownEnd(runId: unknown): Promise<ShownEnd | undefined> | undefined;
}

const INNER_ENDS = new Set(["handleLLMEnd", "handleLLMError", "handleToolEnd", "handleToolError"]);

/** The same handler, told of what runs inside as a meter judged it. */
export function judgedHandler<H extends object>(handler: H, meter: JudgingHandler): H {
  const told = new Set<unknown>();
  return observedHandler(handler, {
    isHolding: () => meter.isHolding(),
    hear(event, args, tell) {
      if (event === "handleLLMNewToken") return meter.isHeldBack(args[2]) ? undefined : tell();
      if (event === "handleChatModelStreamEvent" || event === "handleToolEvent")
        return meter.isHeldBack(args[1]) ? undefined : tell();
      if (!INNER_ENDS.has(event)) return tell();
      const runId = args[1];
      // LangChain tells of a failure after an end that could not be shown.
      if (told.has(runId)) return undefined;
      return (
        meter.shownEnd(runId)?.then((shown) => {
          if (shown !== undefined) told.add(runId);
          return tell(shown);
        }) ?? tell()
      );
    },
  });
}
