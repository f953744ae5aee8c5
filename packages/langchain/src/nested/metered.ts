import type { Callbacks } from "@langchain/core/callbacks/manager";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import type { AnyAgentMiddleware } from "langchain";

import type { NestedCallHandler } from "./nested-calls.ts";
import { judgedHandler } from "../observed/observed-call.ts";
import { METERS, replacedCallbacks } from "../observed/observed-handler.ts";
import { toldOfAll } from "../call/told-of-all.ts";

/**
 * From now on the running node of LangGraph tells a handler of all that is called inside it. The node's configuration
 * is an object of its own, and everything that does not say otherwise takes its callbacks from there.
 */
export function meterNode(handler: NestedCallHandler): void {
  const config = AsyncLocalStorageProviderSingleton.getRunnableConfig();
  if (config !== undefined) config.callbacks = metered(config.callbacks, handler);
}

/** The same callbacks with a handler of nested calls, and without another one of its plane: the innermost agent's counts. */
function metered(callbacks: Callbacks | undefined, handler: NestedCallHandler): Callbacks {
  const judged = callbacks && judgedBy(callbacks, handler);
  if (judged === undefined || Array.isArray(judged)) return [...(judged ?? []), handler];
  judged.addHandler(handler);
  return judged;
}

/**
 * The same callbacks for what a handler of nested calls is told of as well: they hear of a call what that made of it. Another
 * such handler of its plane is left out.
 */
export function judgedBy(callbacks: Callbacks, handler: NestedCallHandler): Callbacks {
  return replacedCallbacks(callbacks, (one) =>
    METERS in one && one[METERS] === handler[METERS] ? undefined : judgedHandler(one, handler),
  );
}

/** Hooks of a middleware whose own calls nobody would see. Model wrappers run inside ours. */
const HOOKS: ReadonlySet<string | symbol> = new Set([
  "beforeAgent",
  "beforeModel",
  "afterModel",
  "afterAgent",
  "wrapToolCall",
]);

/**
 * The same middleware, whose hooks tell of the calls they make.
 * @param handlerOf Makes the handler for one run of a hook.
 */
export function withMeteredHooks<M extends AnyAgentMiddleware>(
  middleware: M,
  handlerOf: () => NestedCallHandler,
): M {
  const wrapped = new Map<unknown, unknown>();
  const wrap = (hook: unknown): unknown => {
    const known = wrapped.get(hook);
    if (known !== undefined) return known;
    const made = typeof hook === "function" ? meteredHook(middleware, hook, handlerOf) : wrapMember(hook);
    wrapped.set(hook, made);
    return made;
  };
  // `{ hook, canJumpTo }`
  const wrapMember = (hook: unknown): unknown =>
    typeof hook === "object" && hook !== null && "hook" in hook ? { ...hook, hook: wrap(hook.hook) } : hook;
  return new Proxy(middleware, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      return value !== undefined && HOOKS.has(name) ? wrap(value) : value;
    },
  });
}

function meteredHook(
  middleware: object,
  // oxlint-disable-next-line typescript/no-unsafe-function-type -- any of the hooks
  hook: Function,
  handlerOf: () => NestedCallHandler,
): (...args: readonly unknown[]) => unknown {
  return (...args) => {
    const handler = handlerOf();
    meterNode(handler);
    return toldOfAll(handler, () => Reflect.apply(hook, middleware, args));
  };
}
