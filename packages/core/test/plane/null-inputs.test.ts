import { describe, expect, it } from "vitest";

import { createCel } from "../../src/cel/index.ts";
import type { ContextInit } from "../../src/context/create-context.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, toolCall } from "./bench.ts";

const CONFIRMED = blocking("confirmed", [rule.condition({ require: { input: { confirmed: true } } })]);
const CONFIRMED_CEL = blocking("confirmed", [rule.condition({ when: "input.confirmed != true" })]);

const WHERE: readonly string[] = [
  "before_handoff",
  "before_resource_read",
  "before_prompt_get",
  "before_agent",
];

const aiming = (hookpoint: string, more: object): ContextInit => ({
  hookpoint,
  agent: "bot",
  target: { name: "letter", ...more },
});

describe.for([
  ["a structured condition", CONFIRMED],
  ["a condition in CEL", CONFIRMED_CEL],
] as const)("%s about the input of a target", ([, policy]) => {
  it.for(WHERE)("has no answer at %s when the input is null, and blocks", async (hookpoint) => {
    const { plane } = createBench({ policies: [policy], cel: createCel() });
    const decision = await plane.engine.decide(aiming(hookpoint, { input: null }));
    expect(decision).toMatchObject({ effect: "block", ruleId: "condition" });
    const said = await plane.engine.decide(aiming(hookpoint, { input: { confirmed: true } }));
    expect(said).toMatchObject({ effect: "allow" });
  });

  it.for(WHERE)("is for another moment at %s when there is no input at all", async (hookpoint) => {
    const { plane } = createBench({ policies: [policy], cel: createCel() });
    expect(await plane.engine.decide(aiming(hookpoint, {}))).toMatchObject({ effect: "allow" });
  });
});

it("a condition compares an input that is null as null", async () => {
  const isNull = blocking("n", [rule.condition({ when: "input == null" })]);
  const { plane } = createBench({ policies: [isNull], cel: createCel() });
  expect(await plane.engine.decide(aiming("before_handoff", { input: null }))).toMatchObject({
    effect: "block",
    ruleId: "condition",
  });
  expect(await plane.engine.decide(toolCall("search", null))).toMatchObject({ ruleId: "condition" });
});

it("a tool's input that is null is one: a schema and a condition look at it", async () => {
  const schema = blocking("s", [rule.argSchema({ schema: { type: "object" } })]);
  for (const policy of [schema, CONFIRMED, CONFIRMED_CEL]) {
    const { plane } = createBench({ policies: [policy], cel: createCel() });
    // oxlint-disable-next-line no-await-in-loop -- one plane after the other
    expect(await plane.engine.decide(toolCall("search", null))).toMatchObject({ effect: "block" });
  }
});

it("rules that look for texts find none in it, and let it pass as it is", async () => {
  const scanner = createFakeScanner([{ name: "email", family: "pii", texts: ["a@b.example"] }]);
  const policies = [
    blocking("r", [rule.redact({ from: ["input"], detect: ["email"], fields: ["ssn"] }), rule.piiBlock({})]),
  ];
  const { plane } = createBench({ policies, scanner });
  for (const call of [aiming("before_handoff", { input: null }), toolCall("search", null)]) {
    // oxlint-disable-next-line no-await-in-loop -- one call after the other
    const admitted = await plane.guard.admit(call);
    expect(admitted).toMatchObject({ status: "admitted", input: null, isInputChanged: false });
  }
});

it("an absent input of a target stays absent on the way to what runs", async () => {
  const { plane } = createBench();
  const admitted = await plane.guard.admit(aiming("before_handoff", {}));
  expect(admitted).toMatchObject({ status: "admitted", input: undefined });
  expect(plane.guard.context(aiming("before_handoff", {})).target).toStrictEqual({ name: "letter" });
});
