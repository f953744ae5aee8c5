import { canonicalJson } from "../base/canonical-json.ts";
import { written } from "../base/json-text.ts";
import { SharedJson, type JsonTarget } from "../base/json-target.ts";
import type { Decision } from "../decision/decision.ts";
import {
  TemplateMark,
  type DecisionPlace,
  type DecisionTexts,
  type SharedDecision,
} from "../decision/decision-template.ts";
import { hasFreeContent, sortedDecision, type Members } from "./sorted-decision.ts";

/**
 * Adds the canonical JSON of a decision, with what stands around it in its record. What it shares with others of its kind is
 * written once for all of them: of the thousand characters of a decision thirty are its own.
 * @throws AgentplaneError `content_refused` for content that JSON cannot carry
 */
export function addDecision(to: JsonTarget, decision: Decision, around: DecisionPlace): void {
  const template = TemplateMark.of(decision);
  if (template === undefined) {
    to.add(around.before);
    to.add(unsharedText(decision));
    to.add(around.after);
    return;
  }
  let { texts } = template;
  if (texts?.around !== around) template.texts = texts = textsOf(template, around);
  to.addShared(texts.beforeDuration);
  to.add(written(decision.durationMs));
  to.addShared(texts.beforeId);
  to.addRaw(decision.id);
  to.addShared(texts.afterId);
}

function unsharedText(decision: Decision): string {
  return hasFreeContent(decision) ? canonicalJson(decision) : JSON.stringify(sortedDecision(decision));
}

/** The members in canonical order, in three runs: `durationMs` and `id` stand between them. */
function textsOf(shared: SharedDecision, around: DecisionPlace): DecisionTexts {
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
    around,
    beforeDuration: onlyOne(`${around.before}{${membersText({ approvalId, cause })},"durationMs":`),
    beforeId: onlyOne(`,${membersText({ effect, findings, hookpoint })},"id":"`),
    afterId: onlyOne(`",${membersText(rest)}}${around.after}`),
  };
}

const MAX_KNOWN = 1_024;
const known = new Map<string, SharedJson>();

/** Many templates have a text in common: one that others use too is found in the processor's cache. */
function onlyOne(text: string): SharedJson {
  const first = known.get(text);
  if (first !== undefined) return first;
  if (known.size >= MAX_KNOWN) known.clear();
  const shared = new SharedJson(text);
  known.set(text, shared);
  return shared;
}

function membersText(members: object): string {
  return canonicalJson(members).slice(1, -1);
}
