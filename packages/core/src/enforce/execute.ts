import { suggest } from "../base/did-you-mean.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { isUsageField, USAGE_FIELDS, type Usage } from "../base/model-costs.ts";
import type { GuardedContext } from "./acting-context.ts";
import type { Admission, LiveAdmission } from "./admission.ts";
import { completeCall, type CallResult, type ResultCodec } from "./complete.ts";
import type { GuardCore } from "./guard-core.ts";
import type { Outcome } from "./outcome.ts";

/** One call to govern. */
export interface GuardedCall<R> {
  /** The context or, better, its description: what cannot be read is then denied and recorded. */
  readonly context: GuardedContext;
  /**
   * The running admission of the same call around this one, such as of a model that was guarded twice with something
   * between that may change it: rules decide and judge this one too, and limits count the outer one alone. What does not
   * run inside that admission, as a call of its kind, is counted like any.
   */
  readonly countedBy?: Admission | undefined;
  /**
   * Executes the call.
   * @param admitted What to execute, and the signal that fires when an operator cuts it.
   */
  readonly run: (admitted: Admission) => MaybePromise<R>;
  /** Reads and rewrites the framework's own result; default: the result itself is the content. */
  readonly result?: ResultCodec<R>;
  /** Tokens used, read from the result. */
  readonly usage?: (result: R) => Usage | undefined;
  /** Whether a returned result reports a failure. Default: never. */
  readonly isError?: (result: R) => boolean;
  /** Tells errors that are control flow (an interrupt): they pass untouched and the call stays resumable. */
  readonly isControlFlow?: (error: unknown) => boolean;
}

/** A call that was admitted, with what ends it. */
export interface Execution<R> {
  readonly core: GuardCore;
  readonly admission: LiveAdmission;
  readonly call: Pick<GuardedCall<R>, "result" | "usage" | "isError" | "isControlFlow">;
}

/** Runs an admitted call inside its scope and ends it, whatever happens. */
export function execute<R>(
  core: GuardCore,
  admission: LiveAdmission,
  call: GuardedCall<R>,
): MaybePromise<Outcome<R>> {
  admission.alive++;
  let result: R;
  try {
    const running = core.scope.run(admission.carried, () => begun(call.run(admission)));
    if (isThenable(running)) return endLater({ core, admission, call }, running);
    result = running;
  } catch (error) {
    return endFailed({ core, admission, call }, error);
  }
  // Without an execution: of most calls no more is made than this.
  return completeCall(core, admission, ranWith(core, call, result));
}

/** What is lazy, such as a query, begins its work when it is awaited: that is inside the call, too. */
export function begun<S>(started: S): S {
  // A promise stays the promise that it is, and any other thenable becomes one of the same value.
  return isThenable(started) ? (Promise.resolve(started) as S) : started;
}

/** Ends a call that runs: with its result, its error, or the cut. */
export function endLater<R>(execution: Execution<R>, running: Promise<R>): Promise<Outcome<R>> {
  return untilCut(running, execution.admission).then(
    (result) => endRan(execution, result),
    (error: unknown) => endFailed(execution, error),
  );
}

/** Ends a call that gave a result. */
export function endRan<R>({ core, admission, call }: Execution<R>, result: R): MaybePromise<Outcome<R>> {
  return completeCall(core, admission, ranWith(core, call, result));
}

function ranWith<R>(core: GuardCore, call: Execution<R>["call"], result: R): CallResult<R> {
  return {
    status: "ran",
    result,
    usage: usageRead(core, readAside(core, result, call.usage)),
    codec: call.result,
    isError: readAside(core, result, call.isError) === true,
  };
}

/** Ends a call that threw. */
export function endFailed<R>(
  { core, admission, call }: Execution<R>,
  error: unknown,
): MaybePromise<Outcome<R>> {
  if (readAside(core, error, call.isControlFlow) === true) return suspendAndThrow(core, admission, error);
  return completeCall<R>(core, admission, { status: "failed", error });
}

/** A usage that says nothing anybody reads is mostly misspelt, or a provider's own: never taken for none in silence. */
export function usageRead(core: Pick<GuardCore, "ports">, usage: Usage | undefined): Usage | undefined {
  if (typeof usage !== "object" || usage === null) return usage;
  const unread = readAside(core, usage, onlyUnread);
  if (unread === undefined) return usage;
  core.ports.logger.error(`nobody reads "${unread}" of a usage; ${suggest(unread, USAGE_FIELDS)}`);
  return undefined;
}

/** The first member of a usage none of whose members is read. */
function onlyUnread(usage: Usage): string | undefined {
  let unread: string | undefined;
  for (const name in usage) {
    if (isUsageField(name)) return undefined;
    unread ??= name.slice(0, 64);
  }
  return unread;
}

/** The call has happened: a reader that fails costs the exact figure, never the settlement. */
export function readAside<R, T>(
  { ports }: Pick<GuardCore, "ports">,
  result: R,
  read: ((result: R) => T) | undefined,
): T | undefined {
  try {
    return read?.(result);
  } catch (error) {
    ports.logger.error("usage or status of a finished call could not be read", {
      error: error instanceof Error ? error.name : "not an error",
    });
    return undefined;
  }
}

/** A call that ignores its signal does not keep the agent: it is left behind and its result discarded. */
function untilCut<R>(running: Promise<R>, admission: LiveAdmission): Promise<R> {
  return new Promise<R>((resolve, reject) => {
    admission.onCut(() => reject(new Error("the call was cut by an operator")));
    running.then(resolve, reject);
  });
}

function suspendAndThrow(core: GuardCore, admission: LiveAdmission, error: unknown): MaybePromise<never> {
  const rethrow = (): never => {
    throw error;
  };
  const suspended = suspendCall(core, admission);
  return isThenable(suspended) ? suspended.then(rethrow) : rethrow();
}

/** Keeps the holds of a call that left the run by an interrupt. */
export function suspendCall(core: GuardCore, admission: LiveAdmission): MaybePromise<void> {
  admission.inner?.end("again");
  if (admission.isJoined || !core.live.remove(admission)) return;
  const done = core.point.finish(admission.decision.id, { status: "suspended" });
  return isThenable(done) ? done.then(() => undefined) : undefined;
}

/** The call never started: everything is given back. */
export function releaseCall(core: GuardCore, admission: LiveAdmission): MaybePromise<void> {
  admission.inner?.end("again");
  if (admission.isJoined || !core.live.remove(admission)) return;
  // Cut before it began, it was refused after all: an approval that it used is given back.
  const isRefused = admission.cutBy !== undefined;
  return andThen(
    core.point.finish(admission.decision.id, { status: "released", isRefused }),
    () => undefined,
  );
}
