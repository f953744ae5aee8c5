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
  /** Has the hook for other copies of LangChain. */
  readonly others: object;
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
  const value = withHandler(place, before, handler);
  const { variables } = place;
  const store =
    before === undefined ? { [variables]: value } : new Proxy(before, new Beside(variables, value));
  return storage.run(store, run);
}

/**
 * The same for code that at once starts a run of its own of LangChain, which takes over what is told here. What is kept of the
 * run around is changed for that moment: an asynchronous context more costs as much as all else.
 * @param start Whatever it does outside of that run is not told of.
 */
export function toldAtStart<R>(handler: BaseCallbackHandler, start: () => R): R {
  // As above, and its members may be set.
  const around = AsyncLocalStorageProviderSingleton.getInstance().getStore() as
    | Record<string | symbol, unknown>
    | undefined;
  place ??= placeIn();
  if (around === undefined || place === undefined) return toldOfAll(handler, start);
  const { variables } = place;
  const before = around[variables];
  around[variables] = withHandler(place, around, handler);
  try {
    return start();
  } finally {
    around[variables] = before;
  }
}

/** The variables around, with a handler that is told. */
function withHandler(
  { variables, hooks, hook, others }: Place,
  around: Variables | undefined,
  handler: BaseCallbackHandler | undefined,
): Variables {
  const set = around?.[variables] as Variables | undefined;
  const value: Record<string | symbol, unknown> = { __proto__: others, ...set, [VARIABLE]: handler };
  if (set === undefined) {
    value[hooks] = [hook];
    return value;
  }
  // Another copy of LangChain may have hooks of its own.
  for (const name of new Set([hooks, ...Reflect.ownKeys(set).filter((one) => isLike(one, hooks))])) {
    const known = Array.isArray(set[name]) ? (set[name] as readonly unknown[]) : [];
    value[name] = known.includes(hook) ? known : [...known, hook];
  }
  return value;
}

/** Each copy of LangChain looks for hooks under a symbol of its own, by one description; for all else in one place. */
function isLike(name: string | symbol, hooks: string | symbol): boolean {
  return typeof name === "symbol" && typeof hooks === "symbol" && name.description === hooks.description;
}

/**
 * What LangChain keeps of a run, with other variables beside it. LangSmith asks whether it is a run of its own, and copies the
 * members of one, which are so many that a copy for each call costs more than all else about it.
 */
class Beside implements ProxyHandler<Variables> {
  readonly #name: string | symbol;
  #value: unknown;

  constructor(name: string | symbol, value: unknown) {
    this.#name = name;
    this.#value = value;
  }

  get(target: Variables, name: string | symbol): unknown {
    return name === this.#name ? this.#value : Reflect.get(target, name, target);
  }

  set(target: Variables, name: string | symbol, value: unknown): boolean {
    if (name !== this.#name) return Reflect.set(target, name, value, target);
    this.#value = value;
    return true;
  }

  has(target: Variables, name: string | symbol): boolean {
    return name === this.#name || Reflect.has(target, name);
  }

  ownKeys(target: Variables): (string | symbol)[] {
    const names = Reflect.ownKeys(target);
    return names.includes(this.#name) ? names : [...names, this.#name];
  }

  getOwnPropertyDescriptor(target: Variables, name: string | symbol): PropertyDescriptor | undefined {
    if (name !== this.#name) return Reflect.getOwnPropertyDescriptor(target, name);
    return { value: this.#value, writable: true, enumerable: true, configurable: true };
  }
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
    const hook = (set[hooks] as readonly unknown[]).at(-1);
    const others = new Proxy(
      {},
      { get: (none, name) => (isLike(name, hooks) ? [hook] : (Reflect.get(none, name) as unknown)) },
    );
    return { variables, hooks, hook, others };
  });
}
