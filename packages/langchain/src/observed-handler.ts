import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { CallbackManager, ensureHandler, type Callbacks } from "@langchain/core/callbacks/manager";
import { AIMessage } from "@langchain/core/messages";

import { isToldOfAll } from "./told-of-all.ts";

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

/** Handlers of a call, of which some are told of what happens inside it alone. */
class InnerCallbacks extends CallbackManager {
  readonly #inside: readonly BaseCallbackHandler[];

  constructor(source: CallbackManager | undefined, inside: readonly BaseCallbackHandler[]) {
    super(source?.getParentRunId(), source);
    this.inheritableHandlers = [...this.inheritableHandlers, ...inside];
    this.#inside = inside;
  }

  /** Whether nobody at all hears of the call itself. */
  get isUnheard(): boolean {
    return this.handlers.length === 0 && this.inheritableHandlers.every((one) => METERS in one);
  }

  /** LangChain copies a manager before it is used, and would leave out who only inherits. */
  override copy(...added: Parameters<CallbackManager["copy"]>): CallbackManager {
    return new OwnCallbacks(super.copy(...added), this.#inside);
  }
}

/** What LangChain itself makes of the handlers of a governed call. */
class OwnCallbacks extends CallbackManager {
  constructor(source: CallbackManager, inside: readonly BaseCallbackHandler[]) {
    super(source.getParentRunId(), source);
    for (const handler of inside) this.#inherit(handler);
  }

  /** LangChain adds who is told of all to every call; this one is governed already. */
  override addHandler(handler: BaseCallbackHandler, inherit?: boolean): void {
    if (!(METERS in handler)) super.addHandler(handler, inherit);
    else if (!this.inheritableHandlers.some((one) => metersOf(one) === metersOf(handler)))
      this.#inherit(handler);
  }

  #inherit(handler: BaseCallbackHandler): void {
    if (!this.inheritableHandlers.includes(handler)) this.inheritableHandlers.push(handler);
  }
}

/** Callbacks of a call of which nobody is told, but one handler of what happens inside it. */
export function callbacksInside(handler: BaseCallbackHandler): Callbacks {
  return new InnerCallbacks(undefined, [handler]);
}

/** Whether nobody hears of a call with these callbacks, which governedCallbacks or callbacksInside made. */
export function isUnheard(callbacks: Callbacks | undefined): boolean {
  return callbacks instanceof InnerCallbacks && callbacks.isUnheard;
}

function metersOf(handler: object): unknown {
  return METERS in handler ? handler[METERS] : undefined;
}

/** The same callbacks for a call that is governed itself: who governs what nobody else does is told of what it calls inside. */
export function governedCallbacks(callbacks: Callbacks | undefined): Callbacks | undefined {
  if (callbacks === undefined && !isToldOfAll()) return undefined;
  if (callbacks !== undefined && !Array.isArray(callbacks))
    return callbacks instanceof InnerCallbacks ? callbacks : new InnerCallbacks(callbacks, []);
  return new InnerCallbacks(managerOf(callbacks ?? []), []);
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
 * @param inside A handler that is told of what happens inside the call alone.
 */
export function replacedCallbacks(
  callbacks: Callbacks,
  wrap: <H extends object>(handler: H) => H | undefined,
  inside?: BaseCallbackHandler,
): Callbacks {
  const known = new Map<object, object | undefined>();
  const kept = <H extends object>(handler: H): H[] => {
    if (!known.has(handler)) known.set(handler, wrap(handler));
    const made = known.get(handler);
    // A proxy of a handler is one.
    return made === undefined ? [] : [made as H];
  };
  if (Array.isArray(callbacks)) {
    const list = callbacks.flatMap((handler) => kept(handler));
    return inside === undefined ? list : [...list, inside];
  }
  const own = insideOf(callbacks);
  const copy = callbacks.copy();
  copy.handlers = copy.handlers.flatMap(kept);
  copy.inheritableHandlers = copy.inheritableHandlers.filter((one) => !own.includes(one)).flatMap(kept);
  const inner = [...own.flatMap(kept), ...(inside === undefined ? [] : [inside])];
  return inner.length === 0 ? copy : new InnerCallbacks(copy, inner);
}

/** Handlers that are told of what happens inside alone. */
function insideOf({ handlers, inheritableHandlers }: CallbackManager): BaseCallbackHandler[] {
  return inheritableHandlers.filter((handler) => !handlers.includes(handler));
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
