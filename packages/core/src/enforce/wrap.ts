import { requireFunction, requireObject } from "../base/argument.ts";
import { suggest } from "../base/did-you-mean.ts";
import { AgentplaneError } from "../base/errors.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { ContextInit } from "../context/create-context.ts";
import type { PolicyContext } from "../context/context.ts";
import { argumentShape } from "./argument-shape.ts";
import type { Guard } from "./guard.ts";
import type { Denied, Outcome } from "./outcome.ts";

/** Any function that can be governed. */
// oxlint-disable-next-line typescript/no-explicit-any -- the one place where every function must fit
export type AnyFunction = (...args: never[]) => unknown;

/** Whom a governed function acts for, and what it is called. */
export interface WrapOptions<F extends AnyFunction> {
  readonly agent: ContextInit["agent"];
  readonly tenant?: string;
  readonly user?: string;
  readonly session?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Default: the function's name. */
  readonly tool?: string;
  /** Names of the positional arguments, so that rules can speak of `$.amount`; default: `$.args[0]`, … */
  readonly parameters?: readonly string[];
  /** The framework's id of one call, for replay protection. */
  readonly callId?: (...args: Parameters<F>) => string;
}

/** What a blocked call becomes, instead of an exception. */
export interface GuardOptions<F extends AnyFunction> extends WrapOptions<F> {
  /** `throw` (default), or a function whose value is returned in place of the result. */
  readonly onBlock?: "throw" | ((denied: Denied) => ReturnType<F>);
}

/**
 * Governs a function: every call is admitted, run and completed; its type and its `this` are kept.
 * @param guard The plane's Guard.
 * @param fn The function. A synchronous one stays synchronous as long as no rule or store has to wait.
 * @param options Whom it acts for.
 * @throws PolicyBlocked, PolicyDegraded or ApprovalPending from the governed function when a call is denied.
 * @example const refund = enforce(plane.guard, refundOrder, { agent: "support", tenant: "acme" });
 */
export function enforce<F extends AnyFunction>(guard: Guard, fn: F, options: WrapOptions<F>): F {
  return policyGuard(guard, fn, options);
}

/**
 * Governs a function and says what a denied call becomes.
 * @param options As for `enforce`, and `onBlock`.
 */
export function policyGuard<F extends AnyFunction>(guard: Guard, fn: F, options: GuardOptions<F>): F {
  return governed(guard, fn, options);
}

/** What makes a wrapper stricter than its policies. */
export interface GovernedOptions<F extends AnyFunction> extends GuardOptions<F> {
  /**
   * Asked before every call: a denial, which is then the outcome, or undefined to go on. Asked once more when the call is
   * admitted; a denial that comes only then is thrown, and the call has failed.
   * @param describe Builds the context of the call without its input, which may be unreadable.
   */
  readonly refuse?: (describe: () => PolicyContext) => MaybePromise<Denied> | undefined;
}

/** Wraps a function: the shape that all ways of governing one share. */
export function governed<F extends AnyFunction>(guard: Guard, fn: F, options: GovernedOptions<F>): F {
  checkWrapping(guard, fn, options);
  const tool = options.tool ?? fn.name;
  if (tool === "") {
    throw new AgentplaneError("usage_invalid", 'an anonymous function needs a name: pass { tool: "…" }');
  }
  const shape = argumentShape(tool, options.parameters);
  const govern = (self: unknown, args: Parameters<F>): unknown => {
    const call = { ...identityOf(options), hookpoint: "before_tool_call", ...callOf(options, args) };
    const refuse = () => options.refuse?.(() => guard.context({ ...call, tool }));
    const refused = refuse();
    const outcome: MaybePromise<Outcome<unknown>> =
      refused ??
      guard.toolCall({
        context: { ...call, tool: { name: tool, input: shape.toInput(args) } },
        // Always the snapshot that was decided, never the caller's objects: a getter could answer differently now.
        run: (admitted) =>
          // Asked again: what was there before hooks and stores were waited for may be gone.
          andThen(refuse(), (late) => {
            if (late !== undefined) throw late.error;
            return andThen(
              fn.apply(self, shape.toArguments(admitted.input, args) as Parameters<F>),
              refuseLazy,
            );
          }),
      });
    return andThen(outcome, (done) => unwrap(done, options));
  };
  const isAsync = Object.prototype.toString.call(fn) === "[object AsyncFunction]";
  const wrapper = function (this: unknown, ...args: Parameters<F>): unknown {
    // An asynchronous function never throws at its caller: a denial rejects, whenever it is known.
    return isAsync ? new Promise((resolve) => resolve(govern(this, args))) : govern(this, args);
  };
  Object.defineProperty(wrapper, "name", { value: fn.name, configurable: true });
  Object.defineProperty(wrapper, "length", { value: fn.length, configurable: true });
  // The wrapper takes and gives what the function does; only denials are added.
  return wrapper as unknown as F;
}

const OPTIONS = ["agent", "tenant", "user", "session", "tags", "tool", "parameters", "callId", "onBlock"];
const OWN_OPTION = "refuse";

/** What callers without types get wrong: said when the function is wrapped, not when a call must be stopped. */
function checkWrapping<F extends AnyFunction>(
  guard: unknown,
  fn: unknown,
  options: GovernedOptions<F>,
): void {
  requireObject("a governed function: guard", guard, "plane.guard");
  if (!("toolCall" in guard))
    throw misuse("a governed function needs the guard of a plane: pass plane.guard");
  requireFunction("a governed function: the function", fn);
  requireObject("a governed function: options", options, '{ agent: "support" }');
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name) && name !== OWN_OPTION)
      throw misuse(`a governed function has no option "${name}"; ${suggest(name, OPTIONS)}`);
  }
  const { callId, onBlock = "throw" } = options;
  if (callId !== undefined) requireFunction("a governed function: callId", callId);
  if (onBlock !== "throw") requireFunction('a governed function: onBlock, where it is not "throw",', onBlock);
  if (/Generator/.test(Object.prototype.toString.call(fn))) throw lazy();
}

/**
 * What is gone through later (an iterator, a stream) works when its call is over and recorded: no kill would reach it
 * and no rule would see what it gives. A list is no such thing, and passes.
 */
function refuseLazy(result: unknown): unknown {
  if (typeof result !== "object" || result === null) return result;
  if (!(Symbol.asyncIterator in result) && !("next" in result && Symbol.iterator in result)) return result;
  // Not awaited: what cannot be closed, or hangs, is refused all the same; a member that is no function rejects.
  close(result as Closable).catch(() => undefined);
  throw lazy();
}

/** How streams of Node.js, those of the web, iterators and what gives iterators are closed. */
interface Closable {
  readonly destroy?: () => unknown;
  readonly cancel?: () => unknown;
  readonly return?: () => unknown;
  readonly [Symbol.asyncIterator]?: () => Closable;
}

/** Nobody will go through it: left open it would keep its file or its connection. */
async function close(source: Closable): Promise<unknown> {
  if (source.destroy) return source.destroy();
  if (source.cancel) return source.cancel();
  return source.return ? source.return() : source[Symbol.asyncIterator]?.().return?.();
}

function lazy(): AgentplaneError {
  return misuse(
    "an iterator or a stream works after its call has ended; use guard.toolRun or guard.modelStream",
  );
}

function misuse(message: string): AgentplaneError {
  return new AgentplaneError("usage_invalid", message);
}

function identityOf<F extends AnyFunction>(options: WrapOptions<F>): Omit<ContextInit, "hookpoint"> {
  const { agent, tenant, user, session, tags } = options;
  return {
    agent,
    ...(tenant !== undefined && { tenant }),
    ...(user !== undefined && { user }),
    ...(session !== undefined && { session }),
    ...(tags !== undefined && { tags }),
  };
}

function callOf<F extends AnyFunction>({ callId }: WrapOptions<F>, args: Parameters<F>): { callId?: string } {
  return callId === undefined ? {} : { callId: callId(...args) };
}

function unwrap<F extends AnyFunction>(
  outcome: Outcome<unknown>,
  { onBlock = "throw" }: GuardOptions<F>,
): unknown {
  if (outcome.status === "ran") return outcome.result;
  if (onBlock === "throw") throw outcome.error;
  return onBlock(outcome);
}
