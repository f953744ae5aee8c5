import { assertNever } from "../base/assert-never.ts";
import type { JsonValue } from "../base/json.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { ScanChannel } from "../base/scanner.ts";
import type { PolicyContext } from "../context/context.ts";
import { inputOf, withInput } from "../context/create-context.ts";
import { isAfter } from "../context/hookpoint.ts";
import { redactBy, type RedactDeps } from "../context/redact.ts";
import { NO_REDACTION, planOf, type RedactPlan } from "../context/redact-plan.ts";
import { hasUnreadable } from "../context/snapshot.ts";
import { subjectOf } from "../context/subject.ts";
import { applyRewrites } from "../context/rewrite.ts";
import type { RedactObligation, RedactSurface, RewriteObligation } from "../decision/obligation.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import type { Pass } from "./pass.ts";
import type { PipelineParts } from "./pipeline.ts";
import { recheck } from "./run-rules.ts";

/**
 * Turns the context into what will really be executed (before) or shown (after): rewrites first, then redaction. A
 * changed input meets the stateless rules once more; there is no second rewrite.
 */
export function rewrite(pass: Pass, parts: PipelineParts): MaybePromise<void> {
  if (pass.intent === "peek" || pass.duties.length === 0) return;
  const before = contentOf(pass.context);
  if (before === undefined) return;
  const value = hasRewrite(pass) ? rewritten(pass, before) : before;
  if (value === undefined) return;
  const surface = surfaceOf(pass.context);
  const plan = redactionOf(pass, surface);
  if (plan !== NO_REDACTION && parts.settings.onOpaque !== "allow" && hasUnreadable(value)) {
    pass.refusal = {
      cause: "opaque_content",
      reason: `a redaction cannot look into a ${surface} that is not plain data; return plain data, or set onOpaque: "allow"`,
    };
    return;
  }
  const after = plan === NO_REDACTION ? value : redactBy(plan, value, parts.redactDeps[surface]);
  if (after === before) return;
  if (isAfter(pass.context.hookpoint)) {
    pass.context = Object.freeze({ ...pass.context, result: after });
    return;
  }
  pass.context = withInput(pass.context, after);
  return recheck(pass, parts, ({ isStateless }) => isStateless);
}

/** The content after the rewrites of all rules; undefined where they contradict each other, which blocks the call. */
function rewritten(pass: Pass, before: JsonValue): JsonValue | undefined {
  const { value, conflict, unresolved } = applyRewrites(before, rewritesOf(pass.duties));
  if (conflict !== undefined) {
    const [first, second] = conflict.by;
    pass.refusal = {
      cause: "rewrite_conflict",
      reason: `${first} and ${second} rewrite ${conflict.path} differently`,
    };
    return undefined;
  }
  if (unresolved === undefined) return value;
  const { path, policyId, ruleId } = unresolved;
  pass.refusal = {
    cause: "rewrite_conflict",
    reason: `rule "${ruleId}" rewrites ${path}, which is not there`,
    policyId,
    ruleId,
  };
  return undefined;
}

function hasRewrite({ plan, duties }: Pass): boolean {
  if (plan !== undefined && duties === plan.allDuties) return plan.hasRewrite;
  return duties.some(({ obligation }) => obligation.kind === "rewrite");
}

/** What a redaction of each surface needs: made once for all calls. */
export function redactDepsOf({ scanner, ports }: EngineParts): PipelineParts["redactDeps"] {
  const depsOf = (surface: RedactSurface): RedactDeps => ({
    scanner,
    hash: ports.hash,
    channel: channelOf(surface),
  });
  return {
    input: depsOf("input"),
    prompt: depsOf("prompt"),
    result: depsOf("result"),
    response: depsOf("response"),
    audit: depsOf("audit"),
  };
}

/** The standing redactions of a plan are looked for once per surface. */
function redactionOf({ plan, duties }: Pass, surface: RedactSurface): RedactPlan {
  if (plan === undefined || duties !== plan.allDuties) return planOf(redactDuties(duties, surface));
  return (plan.redactions[surface] ??= planOf(redactDuties(duties, surface)));
}

/** The redactions of a list of duties that concern one surface. */
export function redactDuties(
  duties: readonly OwnedObligation[],
  surface: RedactSurface,
): readonly RedactObligation[] {
  const found: RedactObligation[] = [];
  for (let at = 0; at < duties.length; at++) {
    const { obligation } = duties[at]!;
    if (obligation.kind === "redact" && obligation.from.includes(surface)) found.push(obligation);
  }
  return found;
}

/** What a call puts in or gives back, whichever its hookpoint is about. */
export function contentOf(context: PolicyContext): PolicyContext["result"] {
  return isAfter(context.hookpoint) ? context.result : inputOf(context);
}

/** The surface of a context's content. */
export function surfaceOf(context: PolicyContext): RedactSurface {
  const isModel = subjectOf(context) === "model";
  if (isAfter(context.hookpoint)) return isModel ? "response" : "result";
  return isModel ? "prompt" : "input";
}

/** How a scanner should understand the text of a surface. */
export function channelOf(surface: RedactSurface): ScanChannel {
  switch (surface) {
    case "input":
    case "audit":
      return "tool_input";
    case "prompt":
      return "user";
    case "result":
      return "tool_result";
    case "response":
      return "model_output";
    default:
      return assertNever(surface, "surface");
  }
}

interface OwnedRewrite {
  readonly policyId: string;
  readonly ruleId: string;
  readonly obligation: RewriteObligation;
}

function rewritesOf(duties: readonly OwnedObligation[]): readonly OwnedRewrite[] {
  const found: OwnedRewrite[] = [];
  for (const { entry, obligation } of duties) {
    if (obligation.kind === "rewrite")
      found.push({ policyId: entry.policy.id, ruleId: entry.ruleId, obligation });
  }
  return found;
}
