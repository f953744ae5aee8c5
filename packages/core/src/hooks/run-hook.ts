import { assertNever } from "../base/assert-never.ts";
import { AgentplaneError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { PolicyError } from "../decision/policy-error.ts";
import { applyChange } from "./apply-change.ts";
import type { HookOutcome, HookReturn } from "./hook.ts";
import { HookBlocked } from "./hook-blocked.ts";
import type { HookEntry } from "./hook-entry.ts";
import type { RunningHook } from "./running-hook.ts";
import { createSealedView, type SealedView } from "./sealed-view.ts";

/** What a run needs of its registry. */
export interface HookRunner {
  /** Calls the hook inside its own run, so that a run it triggers is recognised. */
  enter<R>(running: RunningHook, work: () => R): R;
  record(running: RunningHook, outcome: HookOutcome): void;
}

/** How the hook itself came back. */
type Ending =
  | { readonly kind: "returned"; readonly value: HookReturn }
  | { readonly kind: "threw"; readonly error: unknown }
  | { readonly kind: "timeout" };

/** What its end means for the call. */
type Judgement =
  | { readonly outcome: HookOutcome; readonly context: PolicyContext }
  | { readonly outcome: HookOutcome; readonly error: unknown };

interface Run {
  readonly entry: HookEntry;
  readonly context: PolicyContext;
  readonly running: RunningHook;
  /** Absent for the last hook, which is trusted with the context itself. */
  readonly view: SealedView | undefined;
}

/**
 * Runs one hook on one call, within its time, and records the run; synchronous unless the hook returns a promise.
 * @returns The context to go on with.
 * @throws HookBlocked when the call must not go on; what the last hook throws passes as it is.
 */
export function runHook(
  entry: HookEntry,
  of: { context: PolicyContext; running: RunningHook },
  runner: HookRunner,
): MaybePromise<PolicyContext> {
  const view = entry.isLast ? undefined : createSealedView(of.context);
  const run: Run = { entry, view, ...of };
  const conclude = (ending: Ending): PolicyContext => {
    const judgement = judge(ending, run);
    runner.record(of.running, judgement.outcome);
    if ("error" in judgement) throw judgement.error;
    return judgement.context;
  };
  const ending = call(run, runner);
  return isThenable(ending) ? ending.then(conclude) : conclude(ending);
}

function call(run: Run, runner: HookRunner): MaybePromise<Ending> {
  const { entry, running } = run;
  const shown = run.view?.context ?? run.context;
  try {
    const value = runner.enter(running, () => entry.hook(shown, running));
    if (isThenable(value)) return withinTime(value, run);
    running.settle();
    return { kind: "returned", value };
  } catch (error) {
    running.settle();
    return { kind: "threw", error };
  }
}

function withinTime(answer: Promise<HookReturn>, { entry, running }: Run): Promise<Ending> {
  return new Promise((resolve) => {
    const stopTimer =
      entry.timeoutMs === undefined
        ? undefined
        : running.timers.set(() => {
            running.timeOut();
            resolve({ kind: "timeout" });
          }, entry.timeoutMs);
    const end = (ending: Ending): void => {
      stopTimer?.();
      running.settle();
      resolve(ending);
    };
    // Also a hook that fails after its time is caught here: nothing is left unhandled. A foreign `then` may throw itself.
    Promise.resolve(answer).then(
      (value) => end({ kind: "returned", value }),
      (error: unknown) => end({ kind: "threw", error }),
    );
  });
}

function judge(ending: Ending, run: Run): Judgement {
  const attempted = run.view?.attempt();
  if (attempted !== undefined)
    return blocked(run, "failed", `it tried to change "${attempted}", which is sealed`);
  switch (ending.kind) {
    case "returned":
      return judgeReturn(ending.value, run);
    case "threw":
      return judgeError(ending.error, run);
    case "timeout":
      return afterFailure(run, "timeout", `it did not answer within ${run.entry.timeoutMs} ms`);
    default:
      return assertNever(ending, "ending of a hook");
  }
}

/** An answer that is none blocks whatever the fallback: the hook wanted something, and nobody knows what. */
function judgeReturn(value: HookReturn, run: Run): Judgement {
  try {
    const applied = applyChange(run.context, value);
    if ("block" in applied) return blocked(run, "blocked", applied.block);
    return { outcome: applied.context === run.context ? "passed" : "changed", context: applied.context };
  } catch (error) {
    const reason = error instanceof AgentplaneError ? error.message : "its answer cannot be read";
    return blocked(run, "failed", reason, error);
  }
}

function judgeError(error: unknown, run: Run): Judgement {
  if (run.entry.isLast) return { outcome: error instanceof PolicyError ? "blocked" : "failed", error };
  if (error instanceof HookBlocked) return blocked(run, "blocked", error.reason, error);
  // The error's own text may quote an argument of the call; its name does not.
  return afterFailure(
    run,
    "failed",
    `it failed with ${error instanceof Error ? error.name : "an error"}`,
    error,
  );
}

function afterFailure(run: Run, outcome: "failed" | "timeout", reason: string, cause?: unknown): Judgement {
  if (run.entry.fallback === "continue") return { outcome: "continued", context: run.context };
  return blocked(run, outcome, reason, cause);
}

function blocked(run: Run, outcome: HookOutcome, reason: string, cause?: unknown): Judgement {
  const { entry, context } = run;
  return {
    outcome,
    error: new HookBlocked({ hookId: entry.id, hookpoint: context.hookpoint, reason, cause }),
  };
}
