import { recordOf } from "../protocol/json.ts";

/**
 * The signal that a caller's own abort fires.
 * @param given The second argument of a function: the runner of `runTools`, or what a loop of one's own passes.
 */
export function callerSignal(given: unknown): AbortSignal | undefined {
  const signal = controllerOf(given)?.signal ?? recordOf(given)?.["signal"];
  return signal instanceof AbortSignal ? signal : undefined;
}

/**
 * The second argument of a function with a signal that an operator's stop fires too, where the function looks for one:
 * `runner.controller.signal` of `runTools`, `signal` in a loop of one's own. Made when it is asked for: most functions
 * never do.
 * @param cut Of the admission.
 */
export function withCutSignal(given: unknown, cut: () => unknown): unknown {
  const signal = (): AbortSignal => {
    const signals = [callerSignal(given), cut()].filter((one) => one instanceof AbortSignal);
    // Planes with ports of their own may bring another kind of signal: those cannot be joined.
    return AbortSignal.any(signals);
  };
  const controller = controllerOf(given);
  if (controller !== undefined) {
    return seenThrough(given as object, "controller", () => seenThrough(controller, "signal", signal));
  }
  if (given !== undefined && recordOf(given) === undefined) return given;
  return Object.defineProperty({ ...recordOf(given) }, "signal", {
    get: signal,
    enumerable: true,
    configurable: true,
  });
}

function controllerOf(given: unknown): AbortController | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  const controller: unknown = Reflect.get(given, "controller");
  return controller instanceof AbortController ? controller : undefined;
}

/** An object with one member that is another. Its class has private members: methods are called on the object itself. */
function seenThrough(target: object, member: string, read: () => unknown): object {
  let found: unknown;
  return new Proxy(target, {
    get(_target, asked) {
      if (asked === member) return (found ??= read());
      const value: unknown = Reflect.get(target, asked);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (_target, asked, value) => Reflect.set(target, asked, value),
  });
}
