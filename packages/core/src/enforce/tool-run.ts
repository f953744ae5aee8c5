import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import type { JsonValue } from "../base/json.ts";
import { withResult } from "../context/create-context.ts";
import { redact } from "../context/redact.ts";
import { hasUnreadable, snapshot, thaw } from "../context/snapshot.ts";
import type { GuardedContext } from "./acting-context.ts";
import type { Admission, LiveAdmission } from "./admission.ts";
import { completeCall, resultDuties } from "./complete.ts";
import { untilCut } from "./cut-source.ts";
import { carriedOf, endFailed, endLater, endRan, type Execution } from "./execute.ts";
import type { GuardCore } from "./guard-core.ts";
import type { Outcome } from "./outcome.ts";
import { releasedUnread } from "./released-unread.ts";

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
  let started: AsyncIterable<R> | MaybePromise<R>;
  const execution: Execution<R> = { core, admission, call: {} };
  try {
    started = core.scope.run(carriedOf(admission), () => run(admission));
  } catch (error) {
    return endFailed(execution, error);
  }
  if (isThenable(started)) return endLater(execution, started);
  if (!isAsyncIterable(started)) return endRan(execution, started);
  const source = started;
  return {
    status: "running",
    values: {
      [Symbol.asyncIterator]: () => releasedUnread(core, admission, judged(core, admission, source)),
    },
  };
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
      if (shown !== HELD) yield shown.value;
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

const HELD: unique symbol = Symbol("held back until the result is judged");

type Preview<R> = { readonly value: R } | typeof HELD;

/**
 * What may be shown of a value before the call has ended. Rules that need state, and hooks, are asked once, about the
 * result: where there is one, no earlier value leaves.
 */
function previewOf<R>(core: GuardCore, admission: LiveAdmission, value: R): MaybePromise<Preview<R>> {
  const { context, decision, isJoined } = admission;
  if (isJoined) return { value };
  if (core.hooks.hasAfter(context)) return HELD;
  const imposed = resultDuties(decision);
  if (imposed.length === 0 && core.point.looksAfter(context) === "nothing") return { value };
  const content = readable(value);
  if (content === undefined) return HELD;
  const after = withResult(context, { result: content, nowMs: core.nowMs() });
  return andThen(core.point.rule(after, { intent: "peek" }), ({ decision: asked }) => {
    const standing = resultDuties(asked);
    const duties = [...standing, ...imposed.filter((duty) => !standing.includes(duty))];
    const isUnclear = asked.isUnknown === true || (duties.length > 0 && hasUnreadable(content));
    if (asked.effect !== "allow" || isUnclear) return HELD;
    const { scanner, ports } = core;
    const shown = redact(content, duties, { scanner, hash: ports.hash, channel: "tool_result" });
    // A copy of what was judged: the tool keeps the object it gave, and could still change it. It has the value's shape.
    return { value: thaw(shown) as R };
  });
}

function readable(value: unknown): JsonValue | undefined {
  try {
    return snapshot(value);
  } catch {
    // What cannot be copied is judged, and refused, as the result.
    return undefined;
  }
}

function isSame<R>(shown: Preview<R>, result: R): boolean {
  if (shown === HELD) return false;
  if (shown.value === result) return true;
  const [before, after] = [readable(shown.value), readable(result)];
  return before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after);
}

function isAsyncIterable<R>(value: AsyncIterable<R> | MaybePromise<R>): value is AsyncIterable<R> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
