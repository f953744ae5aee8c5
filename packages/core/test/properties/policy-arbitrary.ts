/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import * as fc from "fast-check";

import type { ContextInit } from "../../src/context/create-context.ts";
import type { EscalationStep, Policy, RuleSpec } from "../../src/policy/policy.ts";
import type { SelectorSpec } from "../../src/policy/selector.ts";

const AGENTS = ["bot", "bot-a", "bot-b", "billing-1"];
const TENANTS = ["acme", "beta"];
const USERS = ["ann", "bob"];
const TOOLS = ["search", "update", "send_mail"];

const list = (patterns: readonly string[]): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.constantFrom(...patterns), { minLength: 1, maxLength: 3 });

const toolPatterns = list([
  ...TOOLS,
  "s*",
  "*_mail",
  "srv/orig",
  "srv/*",
  "orig",
  "!update",
  "!srv/*",
  "!orig",
  "?earch",
  "*",
]);

const selector: fc.Arbitrary<SelectorSpec> = fc.record(
  {
    agents: list(["bot", "bot-a", "bot-*", "b*", "*-?", "!bot-a", "!b*-b", "*"]),
    tenants: list(["acme", "beta", "a*", "!beta", "*"]),
    users: list(["ann", "b*", "!bob"]),
    tools: toolPatterns,
    hookpoints: list(["before_tool_call", "after_tool_call", "before_model_call", "before_*", "!after_*"]),
    tags: fc.record({ env: fc.oneof(fc.constantFrom("prod", "p*", "!dev"), list(["prod", "dev"])) }),
  },
  { requiredKeys: [] },
);

const where = fc.oneof(
  fc.integer({ min: 0, max: 3 }).map((gt) => ({ input: { amount: { gt } } })),
  fc.integer({ min: 0, max: 3 }).map((gt) => ({ result: { amount: { gt } } })),
  fc.constantFrom("bot", "bot-*", "*").map((agent) => ({ agent })),
  fc.constantFrom("prod", "*").map((env) => ({ tags: { env } })),
  fc.constantFrom("search", "orig", "srv/*", "s*").map((tool) => ({ tool })),
);

const ruleSpec: fc.Arbitrary<RuleSpec> = fc.oneof(
  { weight: 1, arbitrary: toolPatterns.map((tools) => ({ rule: "allowlist", tools })) },
  { weight: 1, arbitrary: toolPatterns.map((tools) => ({ rule: "denylist", tools })) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(where, fc.constantFrom("block", "allow", "escalate"))
      .map(([condition, then]) => ({ rule: "condition", where: condition, then })),
  },
);

const policy = fc.record({
  selector: fc.option(selector, { nil: undefined, freq: 6 }),
  priority: fc.integer({ min: 0, max: 2 }),
  mode: fc.constantFrom("enforce" as const, "enforce" as const, "enforce" as const, "shadow" as const),
  onError: fc.constantFrom("block" as const, "allow" as const),
  blocking: fc.array(ruleSpec, { minLength: 1, maxLength: 3 }),
  isAlertOnly: fc.boolean(),
});

/** A level that every breach reaches, and that lets the call go on. */
function alertOf(_: RuleSpec, position: number): EscalationStep {
  return { trigger: `r${position}`, after: 1, within: "1m", action: { alert: { channel: "log" } } };
}

/** Sets of policies with unique ids, whose repeated rules have ids. */
export const policySets: fc.Arbitrary<Policy[]> = fc
  .array(policy, { minLength: 0, maxLength: 7 })
  .chain((drafts) =>
    fc.shuffledSubarray(
      drafts.map(({ selector: chosen, isAlertOnly, ...draft }, at) => ({
        ...draft,
        ...(isAlertOnly && { escalation: draft.blocking.map(alertOf) }),
        ...(chosen !== undefined && { selector: chosen }),
        id: `p${at}`,
        blocking: draft.blocking.map((spec, position) => ({ ...spec, id: `r${position}` })),
      })),
      { minLength: drafts.length },
    ),
  );

const content = fc.option(
  fc.integer({ min: 0, max: 4 }).map((amount): { amount?: number } => ({ amount })),
  { nil: {}, freq: 8 },
);

const tool = fc.record(
  {
    name: fc.constantFrom(...TOOLS),
    server: fc.constant("srv"),
    originalName: fc.constant("orig"),
    input: content,
  },
  { requiredKeys: ["name", "input"] },
);

const identity = {
  agent: fc.constantFrom(...AGENTS),
  tenant: fc.option(fc.constantFrom(...TENANTS), { nil: undefined, freq: 12 }),
  user: fc.option(fc.constantFrom(...USERS), { nil: undefined, freq: 12 }),
  tags: fc.constantFrom({}, { env: "prod" }, { env: "dev" }),
};

/** Contexts at three hookpoints. */
export const contexts: fc.Arbitrary<ContextInit> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ ...identity, hookpoint: fc.constant("before_tool_call"), tool }) },
  {
    weight: 2,
    arbitrary: fc.record({ ...identity, hookpoint: fc.constant("after_tool_call"), tool, result: content }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...identity,
      hookpoint: fc.constant("before_model_call"),
      model: fc.constant({ name: "m", messages: [] }),
    }),
  },
);
