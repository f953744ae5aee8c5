import { canonicalJson } from "../base/canonical-json.ts";
import { isPlain, written } from "../base/json-text.ts";
import type { Decision } from "../decision/decision.ts";
import { TemplateMark, type DecisionTexts, type SharedDecision } from "../decision/decision-template.ts";
import { hasFreeContent, sortedDecision, type Members } from "./sorted-decision.ts";

/**
 * The canonical JSON of a decision. What it shares with others of its kind is written once for all of them: of the
 * thousand characters of a decision thirty are its own.
 * @throws AgentplaneError `content_refused` for content that JSON cannot carry
 */
export function decisionText(decision: Decision): string {
  const template = TemplateMark.of(decision);
  if (template === undefined)
    return hasFreeContent(decision) ? canonicalJson(decision) : JSON.stringify(sortedDecision(decision));
  const { beforeDuration, beforeId, afterId } = (template.texts ??= textsOf(template));
  const { id } = decision;
  // Ids are plain texts, so their quotation marks are part of what is shared.
  if (!isPlain(id)) return canonicalJson(decision);
  return beforeDuration + written(decision.durationMs) + beforeId + id + afterId;
}

/** The members in canonical order, in three runs: `durationMs` and `id` stand between them. */
function textsOf(shared: SharedDecision): DecisionTexts {
  const { approvalId, cause, effect, findings, hookpoint } = shared;
  const rest: Omit<Members<SharedDecision>, "approvalId" | "cause" | "effect" | "findings" | "hookpoint"> = {
    intent: shared.intent,
    isOverrun: shared.isOverrun,
    isUnknown: shared.isUnknown,
    message: shared.message,
    modes: shared.modes,
    obligations: shared.obligations,
    policyId: shared.policyId,
    policyVersion: shared.policyVersion,
    reason: shared.reason,
    retryAfterMs: shared.retryAfterMs,
    revision: shared.revision,
    ruleId: shared.ruleId,
    shadow: shared.shadow,
    verdict: shared.verdict,
  };
  return {
    beforeDuration: onlyOne(`{${membersText({ approvalId, cause })},"durationMs":`),
    beforeId: onlyOne(`,${membersText({ effect, findings, hookpoint })},"id":"`),
    afterId: onlyOne(`",${membersText(rest)}}`),
  };
}

const MAX_KNOWN = 1_024;
const known = new Map<string, string>();

/** Many templates have a text in common: one that others use too is found in the processor's cache. */
function onlyOne(text: string): string {
  const first = known.get(text);
  if (first !== undefined) return first;
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(text, text);
  return text;
}

function membersText(members: object): string {
  return canonicalJson(members).slice(1, -1);
}
