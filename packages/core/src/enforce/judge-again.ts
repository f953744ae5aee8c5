import { AgentplaneError } from "../base/errors.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { JsonValue } from "../base/json.ts";
import type { PolicyContext } from "../context/context.ts";
import { withResult } from "../context/create-context.ts";
import { redact } from "../context/redact.ts";
import { hasUnreadable, thaw } from "../context/snapshot.ts";
import type { Denial, Ruling } from "../decision/decision-point.ts";
import type { RedactObligation } from "../decision/obligation.ts";
import { channelOf, surfaceOf } from "../engine/step-rewrite.ts";
import { withheldWords } from "../engine/withheld.ts";
import type { GuardedContext } from "./acting-context.ts";
import { LiveAdmission, type Admission } from "./admission.ts";
import type { AdmittingCore } from "./admit.ts";
import { resultDuties, unreadable, type ResultCodec } from "./complete.ts";
import type { GuardCore } from "./guard-core.ts";
import { denied, type Denied } from "./outcome.ts";
import { throughHooks } from "./through-hooks.ts";

/** A result that was changed once its call had ended. */
export interface ChangedResult<R> {
  readonly result: R;
  readonly codec: ResultCodec<R>;
}

/** What may be shown of it. */
export type Rejudged<R> = { readonly status: "ran"; readonly result: R } | Denied;

/** A call that has ended. */
interface Ended {
  readonly context: PolicyContext;
  /** What its admission imposed. */
  readonly imposed: readonly RedactObligation[];
  readonly denial?: Denial | undefined;
}

/** Judges a changed result as a decision of its own at `after_*`; what the call itself counted and used stays as it is. */
export function judgeAgain<R>(
  core: AdmittingCore,
  call: Admission | GuardedContext,
  { result, codec }: ChangedResult<R>,
): MaybePromise<Rejudged<R>> {
  const ended = call instanceof LiveAdmission ? admittedCall(core, call) : describedCall(core, call);
  if (!isLookedAt(core, ended)) return { status: "ran", result };
  const { context, denial } = withRead(core, ended, () => codec.read(result));
  const judged =
    denial === undefined
      ? throughHooks(core, context, {
          intent: "admit",
          decide: (_core, _asked, hooked) =>
            andThen(core.point.rule(hooked, ADMIT), (ruling) => shownBy(core, ended, ruling)),
        })
      : andThen(core.point.refuse(context, denial), denied);
  return andThen(judged, (shown): Rejudged<R> => {
    if ("status" in shown) return withheld(context, shown);
    // Redaction keeps the identity of what it does not change.
    if (shown.content === undefined || shown.content === context.result) return { status: "ran", result };
    return { status: "ran", result: codec.write(result, thaw(shown.content)) };
  });
}

const ADMIT = Object.freeze({ intent: "admit" });

function admittedCall({ live }: GuardCore, call: LiveAdmission): Ended {
  const { context, decision } = call;
  // Shown as if it had ended, its own end would settle and judge another result. What joined it ends with it.
  if (!call.isJoined && live.get(decision.id) === call)
    throw new AgentplaneError(
      "usage_invalid",
      `the admission ${decision.id} still runs; complete it, then judge what became of its result`,
    );
  return { context, imposed: resultDuties(decision) };
}

function describedCall({ contexts }: AdmittingCore, call: Admission | GuardedContext): Ended {
  // What is no admission is a context, or describes one, or is refused there.
  return { ...contexts.prepare(call as GuardedContext), imposed: [] };
}

function isLookedAt({ point, hooks }: GuardCore, { context, imposed, denial }: Ended): boolean {
  if (denial !== undefined || imposed.length > 0 || hooks.hasAfter(context)) return true;
  return point.looksAfter(context) !== "nothing" || point.controls.cutOf(context) !== undefined;
}

function withRead(core: GuardCore, { context, denial }: Ended, read: () => unknown): Omit<Ended, "imposed"> {
  const nowMs = core.nowMs();
  try {
    return { context: withResult(context, { result: read(), nowMs }), denial };
  } catch (error) {
    const unread = withResult(context, { result: undefined, nowMs });
    return { context: unread, denial: denial ?? unreadable(error) };
  }
}

/** What the decision leaves, and what the admission does, whose policy may be gone. */
function shownBy(
  core: GuardCore,
  { imposed }: Ended,
  { decision, context }: Ruling,
): MaybePromise<Denied | { readonly content: JsonValue | undefined }> {
  if (decision.effect !== "allow") return denied(decision);
  const { result: content } = context;
  const surface = surfaceOf(context);
  const duties = imposed.filter(({ from }) => from.includes(surface));
  if (content === undefined || duties.length === 0) return { content };
  if (hasUnreadable(content)) return andThen(core.point.refuse(context, UNREADABLE), denied);
  const { scanner, ports } = core;
  return { content: redact(content, duties, { scanner, hash: ports.hash, channel: channelOf(surface) }) };
}

const UNREADABLE: Denial = {
  cause: "opaque_content",
  reason: "a redaction cannot look into what is not plain data",
};

/** The action has happened, whatever became of its result. */
function withheld(context: PolicyContext, { decision }: Denied): Denied {
  return denied({ ...decision, message: withheldWords(context, decision.reason) });
}
