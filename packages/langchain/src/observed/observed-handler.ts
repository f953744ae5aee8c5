import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { CallbackManager, ensureHandler, type Callbacks } from "@langchain/core/callbacks/manager";
import { AIMessage } from "@langchain/core/messages";

/** Marks a callback handler that governs calls which nobody else does; its value is the plane. */
export const METERS: unique symbol = Symbol("agentplane.meters");

/** What callback handlers are told about the end of a call. */
export type ShownEnd =
  | { readonly result: unknown; /** What stands for one that is withheld. */ readonly isWithheld?: boolean }
  | { readonly error: unknown };

/** Tells a handler of an event: as it came, or with another end in the place of its own. */
export type Tell = (shown?: ShownEnd) => unknown;

/** Tells a handler of the same event with other arguments. */
export type TellAs = (args: readonly unknown[]) => unknown;

/** Decides what callback handlers hear. */
export interface Hearing {
  /** Passes an event on, or does not, or later. */
  hear(event: string, args: readonly unknown[], tell: Tell, as: TellAs): unknown;
  /** Whether a handler must not ask for streams now, which LangChain would make of whole answers. */
  isHolding?(): boolean;
}

/** Members by which a handler asks for the stream of a call that is made as a whole. */
const ASKS_FOR_STREAMS: ReadonlySet<string> = new Set([
  "lc_prefer_streaming",
  "lc_prefer_chat_model_stream_events",
]);

/**
 * The same handler, told of what passes.
 * @param hearing Decides about each event.
 */
export function observedHandler<H extends object>(handler: H, hearing: Hearing): H {
  return new Proxy(handler, {
    get(target, name) {
      // Read and called on the handler itself, whose class may have private members.
      const value: unknown = Reflect.get(target, name, target);
      if (typeof name !== "string" || name === "constructor") return value;
      if (ASKS_FOR_STREAMS.has(name) && hearing.isHolding?.() === true) return false;
      if (typeof value !== "function") return value;
      const call = (args: readonly unknown[]): unknown => Reflect.apply(value, target, args);
      if (!name.startsWith("handle"))
        return (...args: readonly unknown[]): unknown => {
          const given = call(args);
          // LangSmith's tracer is copied for each call of a chat model: the copy hears no more than it.
          return given !== target && isHandler(given) ? observedHandler(given, hearing) : given;
        };
      return (...args: readonly unknown[]): unknown =>
        hearing.hear(
          name,
          args,
          (shown) => call(shown === undefined ? args : [shownTo(name, shown), ...args.slice(1)]),
          call,
        );
    },
  });
}

/** As LangChain tells one. */
function isHandler(value: unknown): value is BaseCallbackHandler {
  if (typeof value !== "object" || value === null) return false;
  return "copy" in value && typeof value.copy === "function" && "awaitHandlers" in value;
}

/** The same callbacks as a manager, to which more may be added. */
export function managerOf(callbacks: Callbacks): CallbackManager {
  if (!Array.isArray(callbacks)) return callbacks;
  const manager = new CallbackManager();
  manager.setHandlers(callbacks.map(ensureHandler));
  return manager;
}

/**
 * The same callbacks, of which every handler hears what passes.
 * @param wrap Makes of each handler what stands for it; undefined leaves it out.
 */
export function replacedCallbacks(
  callbacks: Callbacks,
  wrap: <H extends object>(handler: H) => H | undefined,
): Callbacks {
  const known = new Map<object, object | undefined>();
  const kept = <H extends object>(handler: H): H[] => {
    if (!known.has(handler)) known.set(handler, wrap(handler));
    const made = known.get(handler);
    // A proxy of a handler is one.
    return made === undefined ? [] : [made as H];
  };
  if (Array.isArray(callbacks)) return callbacks.flatMap(kept);
  const copy = new CallbackManager(callbacks.getParentRunId(), callbacks);
  copy.handlers = callbacks.handlers.flatMap(kept);
  copy.inheritableHandlers = callbacks.inheritableHandlers.flatMap(kept);
  return copy;
}

/** Tells a handler what LangChain itself has gone on from: one that throws is reported, or heard, as LangChain does it. */
export async function toldLater(handler: object, event: string, tell: () => unknown): Promise<void> {
  try {
    await tell();
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
