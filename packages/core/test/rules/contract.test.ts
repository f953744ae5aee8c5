import { existsSync } from "node:fs";
import path from "node:path";

import { createScanner } from "@agentplane/safety";
import { expect, test } from "vitest";
import { z } from "zod";

import type { PolicyContext } from "../../src/context/context.ts";
import { HOOKPOINTS } from "../../src/context/hookpoint.ts";
import { BUILT_IN_RULES } from "../../src/rules/registry.ts";
import { RULE_REFERENCE, type RuleReference } from "../../src/rules/rule-reference.ts";
import { rule as factories } from "../../src/rules/rule-factory.ts";
import { looksAt, type CompileTools, type RuleKind } from "../../src/rules/rule.ts";
import { compileRule, contextAt, sessionOf, wordDetector } from "./compile-rule.ts";
import { decisionOf } from "./observation.ts";

const kinds: readonly (RuleKind & RuleReference)[] = BUILT_IN_RULES.map((kind) => ({
  ...kind,
  ...RULE_REFERENCE[kind.kind],
}));
const instrument = { record: () => undefined };
const wired: Partial<CompileTools> = {
  scanner: {
    ...createScanner(),
    detectors: [...createScanner().detectors, wordDetector("swear", "toxicity", "darn")],
    scan: () => ({ spans: [], isTruncated: false }),
  },
  metrics: { counter: () => instrument, histogram: () => instrument },
};

/** Kinds that may answer allow; all others only constrain. */
const GRANTING = new Set(["allowlist", "apiAllowlist", "condition"]);

function contexts(): readonly PolicyContext[] {
  const content = Object.freeze({ note: "hello", amount: 1, nested: Object.freeze(["a", 1, null]) });
  return HOOKPOINTS.map((hookpoint) =>
    contextAt(hookpoint, {
      tenant: "acme",
      session: "s",
      ...(hookpoint.endsWith("tool_call") && { tool: Object.freeze({ name: "sql_run", input: content }) }),
      ...(hookpoint.endsWith("model_call") && { model: Object.freeze({ name: "m", messages: content }) }),
      ...(hookpoint.startsWith("after_") && { result: content, usage: Object.freeze({ inputTokens: 1 }) }),
    }),
  );
}

test("every kind of the seed and of the semantics is registered, under one name each", () => {
  expect(kinds.map(({ kind }) => kind)).toStrictEqual([
    "allowlist",
    "denylist",
    "redact",
    "rate",
    "requireTenant",
    "tokenBudget",
    "costBudget",
    "timeBudget",
    "apiAllowlist",
    "apiDenylist",
    "injectionScan",
    "condition",
    "argSchema",
    "loop",
    "idempotency",
    "sla",
    "secretScan",
    "piiBlock",
    "toxicityScan",
    "audit",
    "alert",
    "costTracking",
    "metrics",
    "piiScan",
  ]);
});

test.for(kinds)("$kind: its example parses, and survives JSON unchanged", ({ params, example }) => {
  const parsed = z.parse(params, example);
  expect(z.parse(params, JSON.parse(JSON.stringify(parsed)))).toStrictEqual(parsed);
  expect(z.parse(params, JSON.parse(JSON.stringify(example)))).toStrictEqual(parsed);
});

test.for(kinds)("$kind: refuses a field it does not know", ({ params, example }) => {
  const result = z.safeParse(params, { ...example, unknownField: 1 });
  expect(result.error?.issues).toMatchObject([{ code: "unrecognized_keys", keys: ["unknownField"] }]);
});

test.for(kinds)("$kind: says in one sentence what it does", ({ summary }) => {
  expect(summary).toMatch(/^[A-Z].*\.$/);
});

test.for(kinds)("$kind: has a test file of its own name", ({ kind }) => {
  const file = `${kind.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.test.ts`;
  expect(existsSync(path.join(import.meta.dirname, file))).toBe(true);
});

test.for(kinds)("$kind: has a factory that writes the plain data of a policy file", ({ kind, example }) => {
  const factory: unknown = Reflect.get(factories, kind);
  if (typeof factory !== "function") throw new Error(`no factory for ${kind}`);
  expect(factory({ ...example, id: "mine" })).toStrictEqual({ ...example, rule: kind, id: "mine" });
});

test.for(kinds)("$kind: changes no context and grants nothing it must not", (kind) => {
  const rule = compileRule(kind, kind.example, wired);
  for (const context of contexts()) {
    const before = JSON.stringify(context);
    const deps = { nowMs: context.nowMs, session: sessionOf([]), signal: undefined, traits: undefined };
    const answer = rule.check?.(context, deps);
    if (answer instanceof Promise) throw new Error("a built-in rule answered late");
    expect(answer?.answer?.answer !== "allow" || GRANTING.has(kind.kind)).toBe(true);
    for (const limit of rule.limits ?? []) limit.estimate(context);
    void rule.observe?.({ context, decision: decisionOf(), phase: "decision" });
    expect(JSON.stringify(context)).toBe(before);
  }
});

test.for(kinds)(
  "$kind: says how much of a streamed answer it needs, so that none is buffered for nothing",
  (kind) => {
    const { check, span } = compileRule(kind, kind.example, wired);
    expect(check === undefined || !looksAt(kind, "after_model_call") || span !== undefined).toBe(true);
  },
);

test.for(kinds)("$kind: has a JSON Schema for editors and forms", ({ params }) => {
  const schema = z.toJSONSchema(params, { io: "input" });
  expect(schema.type ?? schema.anyOf ?? schema.oneOf).toBeDefined();
});

test.for(kinds.filter(({ timing }) => timing === "nonBlocking"))(
  "$kind: warn_and_log_do_not_block, it has no opinion",
  (kind) => {
    expect(compileRule(kind, kind.example, wired).check).toBeUndefined();
  },
);

test.for(kinds)(
  "$kind: does exactly one thing: it decides, limits, obliges, observes or declares",
  (kind) => {
    const { check, limits, obligations, observe, audit } = compileRule(kind, kind.example, wired);
    expect([check, limits, obligations, observe, audit].filter((part) => part !== undefined)).toHaveLength(1);
  },
);
