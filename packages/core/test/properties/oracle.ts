import type { ContextInit } from "../../src/context/create-context.ts";
import type { Policy, RuleSpec } from "../../src/policy/policy.ts";

/**
 * What the engine must answer, computed as plainly as the semantics are written: no index, no compilation, no cache.
 * It knows selectors, allowlist, denylist, condition, priorities, both ways of combining, ladders of alerts, defaults and shadow.
 */
export interface OracleQuestion {
  readonly policies: readonly Policy[];
  readonly context: ContextInit;
  readonly combine: "mostRestrictive" | "priority";
  readonly defaultEffect: "allow" | "block";
  /** A preview shows an ask as it is; an admission without a resolver blocks it. */
  readonly intent: "peek" | "admit";
}

export interface OracleAnswer {
  readonly effect: "allow" | "ask" | "block";
  readonly verdict: "allow" | "escalate" | "block";
  readonly policyId: string | undefined;
  readonly ruleId: string | undefined;
  readonly findings: readonly string[];
  readonly shadow: readonly string[];
}

type Said = "allow" | "escalate" | "block";

interface Finding {
  readonly policy: Policy;
  readonly ruleId: string;
  readonly said: Said;
}

const SAID_RANK = { allow: 0, escalate: 1, block: 2 } as const;
const EFFECT_RANK = { allow: 0, ask: 1, block: 2 } as const;
const REFUSED = { effect: "block", verdict: "block", policyId: undefined, ruleId: undefined } as const;

export function askOracle(question: OracleQuestion): OracleAnswer {
  const { context, combine, defaultEffect, intent } = question;
  const ordered = question.policies.toSorted(
    (a, b) => (b.priority ?? 0) - (a.priority ?? 0) || (a.id < b.id ? -1 : 1),
  );
  const enforcing = ordered.filter(({ mode }) => mode !== "shadow");
  for (const field of ["tenants", "users"] as const) {
    const isNeeded = enforcing.some(({ selector }) => selector?.[field] !== undefined);
    const value = field === "tenants" ? context.tenant : context.user;
    if (isNeeded && value === undefined) return { ...REFUSED, findings: [], shadow: [] };
  }
  const shadow = ordered
    .filter((policy) => policy.mode === "shadow" && isSelected(policy, context))
    .flatMap((policy) => findingsOf(policy, context))
    .map(textOf);
  const found = walk(
    enforcing.filter((policy) => isSelected(policy, context)),
    context,
    combine,
  );
  const isAfter = context.hookpoint.startsWith("after_");
  if (found.length === 0) {
    if (defaultEffect === "block" && !isAfter) return { ...REFUSED, findings: [], shadow };
    return {
      effect: "allow",
      verdict: "allow",
      policyId: undefined,
      ruleId: undefined,
      findings: [],
      shadow,
    };
  }
  const votersOf = (all: readonly Finding[]): readonly Finding[] =>
    combine === "priority" ? all.filter(({ policy }) => policy === all[0]?.policy) : all;
  const voters = votersOf(found);
  // A ladder of alerts lets what escalates go on; a preview does not climb and shows that it escalates.
  const effectOf = ({ said, policy }: Finding): OracleAnswer["effect"] => {
    if (said !== "escalate") return said;
    if (policy.escalation !== undefined && intent === "admit") return "allow";
    return isAfter ? "block" : "ask";
  };
  const findings = voters.map(textOf);
  const isOpinion = ({ said, policy }: Finding): boolean =>
    said !== "escalate" || policy.escalation === undefined;
  const strictness = (one: Finding): number => EFFECT_RANK[effectOf(one)] * 10 + SAID_RANK[one.said];
  const stops = (one: Finding): boolean => effectOf(one) !== "allow";
  const granting = votersOf(found.filter(isOpinion));
  const isGranted = granting.length > 0 && !granting.some(stops);
  if (
    defaultEffect === "block" &&
    !isAfter &&
    !voters.some((one) => isOpinion(one) && stops(one)) &&
    !isGranted
  )
    return { ...REFUSED, findings, shadow };
  let deciding = voters[0]!;
  for (const voter of voters) if (strictness(voter) > strictness(deciding)) deciding = voter;
  const ids = { policyId: deciding.policy.id, ruleId: deciding.ruleId };
  const effect = effectOf(deciding);
  if (effect === "ask" && intent === "admit") {
    return { effect: "block", verdict: "block", ...ids, findings, shadow };
  }
  let verdict: Said = "allow";
  for (const { said } of voters) if (SAID_RANK[said] > SAID_RANK[verdict]) verdict = said;
  return { effect, verdict, ...ids, findings, shadow };
}

/** Candidates in order, up to the first block that decides. */
function walk(
  policies: readonly Policy[],
  context: ContextInit,
  combine: OracleQuestion["combine"],
): Finding[] {
  const found: Finding[] = [];
  for (const policy of policies) {
    for (const finding of findingsOf(policy, context)) {
      found.push(finding);
      const decides = combine === "mostRestrictive" || found[0]?.policy === policy;
      if (finding.said === "block" && decides) return found;
    }
  }
  return found;
}

function textOf({ policy, ruleId, said }: Finding): string {
  return `${policy.id}/${ruleId}:${said}`;
}

function findingsOf(policy: Policy, context: ContextInit): Finding[] {
  const found: Finding[] = [];
  for (const spec of policy.blocking ?? []) {
    const said = sayRule(spec, context, policy.onError ?? "block");
    if (said !== undefined) found.push({ policy, ruleId: spec.id ?? spec.rule, said });
  }
  return found;
}

function sayRule(spec: RuleSpec, context: ContextInit, onError: "block" | "allow"): Said | undefined {
  const tools = spec["tools"] as readonly string[];
  switch (spec.rule) {
    case "allowlist":
      if (context.hookpoint !== "before_tool_call") return undefined;
      return listed(tools, context, "allow") ? "allow" : "block";
    case "denylist":
      return context.hookpoint === "before_tool_call" && listed(tools, context, "deny") ? "block" : undefined;
    case "condition":
      return sayCondition(spec, context, onError);
    default:
      throw new Error(`the oracle does not know ${spec.rule}`);
  }
}

function sayCondition(spec: RuleSpec, context: ContextInit, onError: "block" | "allow"): Said | undefined {
  const where = spec["where"] as Record<string, never>;
  const then = spec["then"] as Said;
  const isAfter = context.hookpoint.startsWith("after_");
  const [key, wanted] = Object.entries(where)[0] as [string, unknown];
  if (isAfter !== (key === "result")) return undefined;
  const truth = compare(key, wanted, context, then);
  if (truth === "inapplicable") return undefined;
  if (truth === "missing") return onError === "block" ? "block" : undefined;
  return truth ? then : undefined;
}

function compare(
  key: string,
  wanted: unknown,
  context: ContextInit,
  then: Said,
): boolean | "inapplicable" | "missing" {
  const tool = typeof context.tool === "object" ? context.tool : undefined;
  switch (key) {
    case "agent":
      return glob(String(wanted), context.agent as string);
    case "tags":
      return glob((wanted as { env: string }).env, context.tags?.["env"]);
    case "tool":
      if (tool === undefined) return "inapplicable";
      return listed([String(wanted)], context, then === "allow" ? "allow" : "deny");
    case "input":
    case "result": {
      if (tool === undefined) return "inapplicable";
      const content = (key === "input" ? tool.input : context.result) as { amount?: number };
      const { gt } = (wanted as { amount: { gt: number } }).amount;
      return content.amount === undefined ? "missing" : content.amount > gt;
    }
    default:
      throw new Error(`the oracle does not know ${key}`);
  }
}

function isSelected({ selector = {} }: Policy, context: ContextInit): boolean {
  const { agents, tenants, users, tools, hookpoints, tags = {} } = selector;
  return (
    (agents === undefined || inList(agents, context.agent as string)) &&
    (tenants === undefined || inList(tenants, context.tenant)) &&
    (users === undefined || inList(users, context.user)) &&
    (hookpoints === undefined || inList(hookpoints, context.hookpoint)) &&
    (tools === undefined || listed(tools, context, "deny")) &&
    Object.entries(tags).every(([name, patterns]) => inList([patterns].flat(), context.tags?.[name]))
  );
}

function inList(patterns: readonly string[], value: string | undefined): boolean {
  if (value === undefined) return false;
  const positive = patterns.filter((pattern) => !pattern.startsWith("!"));
  const negative = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const isIn = positive.length === 0 || positive.some((pattern) => glob(pattern, value));
  return isIn && !negative.some((pattern) => glob(pattern, value));
}

/** Denying patterns match any name of a tool, allowing ones only `name` and `server/originalName`; exclusions the other way. */
function listed(patterns: readonly string[], { tool }: ContextInit, stance: "allow" | "deny"): boolean {
  if (typeof tool !== "object") return false;
  const narrow = [
    tool.name,
    ...(tool.server === undefined ? [] : [`${tool.server}/${tool.originalName ?? tool.name}`]),
  ];
  const wide = [...narrow, ...(tool.originalName === undefined ? [] : [tool.originalName])];
  const positive = patterns.filter((pattern) => !pattern.startsWith("!"));
  const negative = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const [selecting, exempting] = stance === "deny" ? [wide, narrow] : [narrow, wide];
  const isIn =
    positive.length === 0 || selecting.some((name) => positive.some((pattern) => glob(pattern, name)));
  return isIn && !exempting.some((name) => negative.some((pattern) => glob(pattern, name)));
}

/** The definition of a glob, by recursion. */
function glob(pattern: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (pattern === "") return value === "";
  if (pattern[0] === "*")
    return glob(pattern.slice(1), value) || (value !== "" && glob(pattern, value.slice(1)));
  return (
    value !== "" && (pattern[0] === "?" || pattern[0] === value[0]) && glob(pattern.slice(1), value.slice(1))
  );
}
