import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import type { GuardedContext } from "./acting-context.ts";
import type { Admission, LiveAdmission } from "./admission.ts";
import { completeCall } from "./complete.ts";
import { closeAside, cutErrorOf, untilCut } from "./cut-source.ts";
import { begun, endFailed, endLater, endRan, releaseCall, type Execution } from "./execute.ts";
import type { GuardCore } from "./guard-core.ts";
import type { Outcome } from "./outcome.ts";
import { previewOf, readable, type Preview } from "./preview.ts";
import { readOnce } from "./read-once.ts";

/** A tool call to govern, of a framework whose tools may give values while they work: each replaces the one before. */
export interface GuardedTool<R> {
  /** The context or, better, its description: what cannot be read is then denied and recorded. */
  readonly context: GuardedContext;
  readonly run: (admitted: Admission) => AsyncIterable<R> | MaybePromise<R>;
}

/** What became of it: an outcome, or a tool at work whose values are judged as they come; the last is the result. */
export type ToolRun<R> = Outcome<R> | { readonly status: "running"; readonly values: AsyncIterable<R> };

/** Runs an admitted tool, whether it answers once or shows values while it works. */
export function runTool<R>(
  core: GuardCore,
  admission: LiveAdmission,
  { run }: GuardedTool<R>,
): MaybePromise<ToolRun<R>> {
  admission.alive++;
  let result: R;
  const execution: Execution<R> = { core, admission, call: {} };
  try {
    const started = core.scope.run(admission.carried, () => begun(run(admission)));
    if (isThenable(started)) return endLater(execution, started);
    if (isAsyncIterable(started)) return { status: "running", values: valuesOf(core, admission, started) };
    result = started;
  } catch (error) {
    return endFailed(execution, error);
  }
  return endRan(execution, result);
}

function valuesOf<R>(core: GuardCore, admission: LiveAdmission, source: AsyncIterable<R>): AsyncIterable<R> {
  return readOnce(core, {
    read: () => judged(core, admission, source),
    cut: () => cutErrorOf(admission),
    leave: () => leaveUnread(core, admission, source),
  });
}

/** What a generator does begins with its first value; anything else may have begun when it was made, and so has run. */
function leaveUnread<R>(
  core: GuardCore,
  admission: LiveAdmission,
  source: AsyncIterable<R>,
): MaybePromise<unknown> {
  closeAside(core, admission, () => source[Symbol.asyncIterator]());
  return Object.prototype.toString.call(source) === "[object AsyncGenerator]"
    ? releaseCall(core, admission)
    : completeCall(core, admission, { status: "ran", result: undefined });
}

async function* judged<R>(
  core: GuardCore,
  admission: LiveAdmission,
  source: AsyncIterable<R>,
): AsyncGenerator<R, void, undefined> {
  const cut = new Promise<"cut">((resolve) => admission.onCut(() => resolve("cut")));
  let last: { readonly given: R; readonly shown: Preview<R> } | undefined;
  let isEnded = false;
  try {
    for await (const given of untilCut(core, admission, { source, cut })) {
      const shown = await previewOf(core, admission, given);
      last = { given, shown };
      if (shown !== undefined) yield shown.value;
    }
    isEnded = true;
    // A tool that gave nothing has no result, which is what undefined says.
    const result = await endOf(core, admission, last?.given as R);
    if (last !== undefined && !isSame(last.shown, result)) yield result;
  } catch (error) {
    if (isEnded) throw error;
    isEnded = true;
    await failed(core, admission, error);
  } finally {
    // The consumer went away in the middle: what was given so far is the result that is recorded.
    if (!isEnded) await completeCall<R>(core, admission, { status: "ran", result: last?.given as R });
  }
}

async function endOf<R>(core: GuardCore, admission: LiveAdmission, result: R): Promise<R> {
  const outcome = await completeCall<R>(core, admission, { status: "ran", result });
  if (outcome.status !== "ran") throw outcome.error;
  return outcome.result;
}

async function failed(core: GuardCore, admission: LiveAdmission, error: unknown): Promise<never> {
  const outcome = await completeCall<never>(core, admission, { status: "failed", error });
  throw outcome.status === "ran" ? error : outcome.error;
}

function isSame<R>(shown: Preview<R>, result: R): boolean {
  if (shown === undefined) return false;
  if (shown.value === result) return true;
  const [before, after] = [readable(shown.value), readable(result)];
  return before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after);
}

function isAsyncIterable<R>(value: AsyncIterable<R> | MaybePromise<R>): value is AsyncIterable<R> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
