/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import * as z from "zod/mini";

import { AgentplaneError } from "../base/errors.ts";
import { pathText } from "../base/path-text.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { RuleAnswer } from "../decision/answer.ts";
import { between } from "../policy/between.ts";
import { omittable } from "../policy/omittable.ts";
import { openObject } from "../policy/open-object.ts";
import { checkedBy, mustHold } from "../policy/schema-check.ts";
import { compileCelCondition } from "./cel-condition.ts";
import { CheckedWhere } from "./checked-where.ts";
import { compileWhere, type CompiledWhere, type WhereSpec } from "./compile-where.ts";
import { defineRule, NEEDS_NO_TEXT, type CompileTools, type RuleRead } from "./rule.ts";
import { mayHoldAt } from "./where-at-hookpoint.ts";
import { allOf, negated, type Unanswered } from "./where-truth.ts";

const expression = openObject(z.unknown()).check(
  checkedBy((spec, report) => {
    const checked = compileWhere(spec, { stance: "deny", report });
    if (checked !== undefined) CheckedWhere.put(spec, checked);
  }),
);
// The refinement has checked the shape that the type describes, which zod cannot derive from it.
const whereParam = expression as z.core.$ZodType as z.core.$ZodType<WhereSpec, WhereSpec>;

const thenParam = z.enum(["block", "allow", "escalate"]);

/**
 * Answers `then` for the calls that its condition describes.
 *
 * `where` (structured) and `when` (CEL) say WHEN the rule fires; given both, both must hold. `require` says what must be
 * true then: with it the rule fires where `where` and `when` hold and `require` does not. So these two are the same:
 * `{ where: { tool: refund, input: { amount: { gt: 500 } } } }` and
 * `{ where: { tool: refund }, require: { input: { amount: { lte: 500 } } } }`.
 *
 * It looks before the action; it looks after it too if it asks about the outcome (`result`, `usage`, `isError`) or
 * names the `hookpoint`. A section that the hookpoint does not carry makes the rule skip. A value that a comparison
 * needs and the call does not have, or has in another type, is an error, and the policy's `onError` decides.
 */
export const condition = defineRule({
  kind: "condition",
  timing: "blocking",
  hookpoints: ["*"],
  params: z
    .strictObject({
      where: omittable(whereParam),
      when: omittable(z.string().check(between(1, 4096))),
      require: omittable(whereParam),
      then: z._default(thenParam, "block"),
      reason: omittable(z.string().check(between(1, 500))),
    })
    .check(
      mustHold(
        ({ where, when, require }) => where !== undefined || when !== undefined || require !== undefined,
        "needs a condition",
        { suggestion: "say when it fires in where (structured) or when (CEL), or what must hold in require" },
      ),
      mustHold(
        ({ require, then }) => require === undefined || then !== "allow",
        "cannot stand beside then: allow, which would allow exactly what breaks it",
        { at: "require", suggestion: "describe the allowed calls in where" },
      ),
    ),
  isStateless: true,
  isShared: true,
  compile({ where, when, require, then, reason }, tools) {
    // Not the tools themselves: each rule would keep a large object of its own.
    const { ruleId } = tools;
    const scope = where && compiled("where", where, { stance: then === "allow" ? "allow" : "deny", tools });
    const duty = require && compiled("require", require, { stance: "allow", tools });
    const cel = when === undefined ? undefined : compileCelCondition(when, tools);
    const fires = allOf(
      [scope?.test, cel?.test, duty && negated(duty.test)].filter((test) => test !== undefined),
    );
    const answer = answerOf({ then, reason, ruleId });
    const looksAfter = [scope, cel, duty].some((part) => part?.isAboutOutcome === true);
    const reads = readsOf([scope, cel, duty]);
    // What has left cannot be withheld when the call has ended, whatever the condition is about then.
    const mayWithhold = looksAfter && then !== "allow" && mayFireAfterModelCall({ where, require });
    const needsWhole = reads.includes("result") || mayWithhold;
    return {
      reads,
      span: needsWhole ? "whole" : NEEDS_NO_TEXT,
      neverAsks: then !== "escalate",
      check(context, { session, traits }) {
        if (!looksAfter && isAfter(context.hookpoint)) return undefined;
        const truth = fires({ context, session, traits });
        if (typeof truth === "boolean") return truth ? answer : undefined;
        if (truth.unanswered === "inapplicable") return undefined;
        throw unanswerable(truth, ruleId);
      },
    };
  },
});

interface WhereUse {
  readonly stance: "allow" | "deny";
  readonly tools: CompileTools;
}

/** What CEL says of the hookpoint is not known beforehand: such an expression may fire at each. */
function mayFireAfterModelCall(of: {
  where: WhereSpec | undefined;
  require: WhereSpec | undefined;
}): boolean {
  const { where, require } = of;
  return (
    (where === undefined || mayHoldAt(where, "after_model_call")) &&
    (require === undefined || mayHoldAt(require, "after_model_call", true))
  );
}

function compiled(member: "where" | "require", spec: WhereSpec, { stance, tools }: WhereUse): CompiledWhere {
  const checked = stance === "deny" ? CheckedWhere.of(spec) : undefined;
  // Which hookpoints there are nobody knew then: what names one says that it is about the outcome.
  if (checked !== undefined && !checked.isAboutOutcome) return checked;
  const fail = (path: readonly (string | number)[], message: string, suggestion?: string): never =>
    tools.fail(pathText(member, path), message, suggestion);
  return (
    compileWhere(spec, { stance, hookpoints: tools.hookpoints, report: fail }) ??
    fail([], "is not a condition")
  );
}

const knownReads = new Map<string, readonly RuleRead[]>();

/** Conditions read few different things: one list for all that read the same stays in the processor's cache. */
function readsOf(parts: readonly (CompiledWhere | undefined)[]): readonly RuleRead[] {
  const reads: RuleRead[] = [];
  for (const part of parts) {
    for (const read of part?.reads ?? []) if (!reads.includes(read)) reads.push(read);
  }
  const key = reads.join();
  const known = knownReads.get(key);
  if (known !== undefined) return known;
  knownReads.set(key, Object.freeze(reads));
  return reads;
}

function answerOf(of: {
  then: z.output<typeof thenParam>;
  reason: string | undefined;
  ruleId: string;
}): RuleAnswer {
  const { then, reason = `condition "${of.ruleId}" holds` } = of;
  return Object.freeze({ answer: Object.freeze({ answer: then, reason }) });
}

/** Whose rule it is the engine says: policies with the same rule share it. */
function unanswerable({ unanswered, subject }: Unanswered, ruleId: string): AgentplaneError {
  const what = unanswered === "missing" ? "is not there" : "has a type that cannot be compared so";
  return new AgentplaneError("rule_failed", `condition "${ruleId}" cannot be answered: ${subject} ${what}`, {
    data: { ruleId, subject, unanswered },
  });
}
