import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { getContextVariable, registerConfigureHook, setContextVariable } from "@langchain/core/context";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";

/** Under which name LangChain looks for the handler. */
const VARIABLE = "agentplane.told_of_all";

type Variables = Readonly<Record<string | symbol, unknown>>;

/** Where LangChain keeps what `setContextVariable` sets, and in it what `registerConfigureHook` registers. */
interface Place {
  readonly variables: string | symbol;
  readonly hooks: string | symbol;
  /** The hook that adds the handler, as LangChain keeps it. */
  readonly hook: unknown;
}

let place: Place | undefined;

/**
 * Runs code of which a handler is told every call of LangChain, whatever callbacks that is given: a call with callbacks of
 * its own, or with none on purpose, does not inherit those around it.
 * @param handler Undefined: those that are told from outside are not told of what runs here.
 */
export function toldOfAll<R>(handler: BaseCallbackHandler | undefined, run: () => R): R {
  const storage = AsyncLocalStorageProviderSingleton.getInstance();
  // Any store is an object with members of its own.
  const before = storage.getStore() as Variables | undefined;
  if (handler === undefined && !isToldOfAll()) return run();
  place ??= placeIn();
  // Where nothing is kept, as in a browser, callbacks are all there is.
  if (place === undefined) return run();
  const { variables, hooks, hook } = place;
  const set = before?.[variables] as Variables | undefined;
  const known = Array.isArray(set?.[hooks]) ? (set[hooks] as readonly unknown[]) : [];
  const added = { [hooks]: known.includes(hook) ? known : [...known, hook], [VARIABLE]: handler };
  // A copy of the same class: LangSmith asks whether it is one of its own.
  const prototype: object | null = before === undefined ? Object.prototype : Object.getPrototypeOf(before);
  const store: object = Object.assign(Object.create(prototype), before, {
    [variables]: { ...set, ...added },
  });
  return storage.run(store, run);
}

/** Whether some handler is told of every call that is made here. */
export function isToldOfAll(): boolean {
  return getContextVariable(VARIABLE) !== undefined;
}

/** Learns from LangChain itself where it keeps these: the names are its own. */
function placeIn(): Place | undefined {
  const storage = AsyncLocalStorageProviderSingleton.getInstance();
  return storage.run({}, () => {
    setContextVariable(VARIABLE, undefined);
    registerConfigureHook({ contextVar: VARIABLE });
    const store = storage.getStore() as Variables | undefined;
    const [variables] = Reflect.ownKeys(store ?? {});
    if (store === undefined || variables === undefined) return undefined;
    const set = store[variables] as Variables;
    const hooks = Reflect.ownKeys(set).find((name) => Array.isArray(set[name]));
    if (hooks === undefined) return undefined;
    return { variables, hooks, hook: (set[hooks] as readonly unknown[]).at(-1) };
  });
}
