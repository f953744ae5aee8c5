import { describe, expect, it } from "vitest";

import type { ContextInit } from "../../src/context/create-context.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench } from "../plane/bench.ts";

const WHO = { agent: "bot", tenant: "acme" } as const;

/** What each policy is about, and a context that leaves it out. */
const CASES = [
  ["before_tool_call", "tool", blocking("p", [rule.denylist({ tools: ["delete_*"] })])],
  [
    "before_tool_call",
    "tool",
    blocking("p", [rule.denylist({ tools: ["*"] })], { selector: { tools: ["*"] } }),
  ],
  ["before_tool_call", "tool", blocking("p", [rule.argSchema({ schema: { type: "object" } })])],
  ["before_model_call", "model", blocking("p", [rule.tokenBudget({ maxTokens: 1, window: "1h" })])],
  ["before_model_call", "model", blocking("p", [rule.condition({ where: { model: { glob: "*" } } })])],
  ["before_handoff", "target", blocking("p", [rule.condition({ where: { target: { glob: "*" } } })])],
  ["before_resource_read", "target", blocking("p", [rule.condition({ where: { target: { glob: "*" } } })])],
  ["before_prompt_get", "target", blocking("p", [rule.condition({ where: { target: { glob: "*" } } })])],
  ["before_elicitation", "target", blocking("p", [rule.condition({ where: { target: { glob: "*" } } })])],
] as const;

describe("a call that does not say what it is about", () => {
  it.each(CASES)(
    "at %s without a %s is blocked: no rule could judge it",
    async (hookpoint, subject, policy) => {
      const { plane } = createBench({ policies: [policy] });
      const run = (): never => {
        throw new Error("it ran");
      };
      const outcome = await plane.guard.toolCall({ context: { ...WHO, hookpoint }, run });
      expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "subject_missing" } });
      expect(outcome).toMatchObject({
        decision: {
          reason: `${hookpoint} needs the ${subject} that the call is about: give the context a \`${subject}\``,
        },
      });
    },
  );

  it("has its result withheld afterwards", async () => {
    const { plane } = createBench();
    const context: ContextInit = { ...WHO, hookpoint: "after_tool_call", result: "ssn" };
    expect(await plane.engine.decide(context)).toMatchObject({ effect: "block", cause: "subject_missing" });
  });

  it("is another thing at hookpoints that are about the agent alone", async () => {
    const { plane } = createBench({ hookpoints: ["publish"] });
    for (const hookpoint of ["before_agent", "before_tool_list", "publish"])
      // oxlint-disable-next-line no-await-in-loop -- one hookpoint after the other
      expect(await plane.engine.decide({ ...WHO, hookpoint })).toMatchObject({ effect: "allow" });
  });
});

/** Who named the model that called the tool, or the tool that the model was called for. */
describe("a call whose context names more than it is about", () => {
  const SECRET = { ssn: "000-11-2222" };
  const scanner = createFakeScanner([{ name: "key", family: "secret", texts: ["key-4711"] }]);
  const tool = (input: unknown): ContextInit => ({
    ...WHO,
    hookpoint: "before_tool_call",
    tool: { name: "save", input },
    model: { name: "m" },
    target: { name: "t" },
  });
  const model = (messages: unknown): ContextInit => ({
    ...WHO,
    hookpoint: "before_model_call",
    model: { name: "m", messages },
    tool: "save",
  });

  it.each(["input", "result"] as const)("has the %s of its tool redacted", async (from) => {
    const { plane } = createBench({
      policies: [blocking("p", [rule.redact({ fields: ["ssn"], from: [from] })])],
    });
    const outcome = await plane.guard.toolCall({
      context: tool(SECRET),
      run: ({ input }) => (from === "input" ? { seen: input } : SECRET),
    });
    expect(outcome).toMatchObject({ status: "ran" });
    expect(JSON.stringify(outcome)).not.toContain(SECRET.ssn);
  });

  it("has the prompt of its model redacted", async () => {
    const { plane } = createBench({
      policies: [blocking("p", [rule.redact({ fields: ["ssn"], from: ["prompt"] })])],
    });
    const outcome = await plane.guard.modelCall({
      context: model([SECRET]),
      run: ({ input }) => ({ seen: input }),
    });
    expect(JSON.stringify(outcome)).not.toContain(SECRET.ssn);
  });

  it.each([
    ["tool's input", tool({ q: "key-4711" })],
    ["model's messages", model([{ role: "user", content: "key-4711" }])],
  ])("has its %s scanned", async (_what, context) => {
    const { plane } = createBench({ scanner, policies: [blocking("p", [rule.secretScan({})])] });
    expect(await plane.engine.decide(context)).toMatchObject({ effect: "block", policyId: "p" });
  });

  it("is refused what no rule can read in its tool's input", async () => {
    const { plane } = createBench({ policies: [blocking("p", [rule.denylist({ tools: ["x"] })])] });
    expect(await plane.engine.decide(tool({ map: new Map() }))).toMatchObject({ cause: "opaque_content" });
  });

  it("is compared by the input of what it is about", async () => {
    const { plane } = createBench({
      policies: [blocking("p", [rule.condition({ where: { input: { path: "/etc" } } })])],
    });
    const context: ContextInit = {
      ...WHO,
      hookpoint: "before_resource_read",
      target: { name: "file", input: { path: "/etc" } },
      tool: { name: "read", input: { path: "/tmp" } },
    };
    expect(await plane.engine.decide(context)).toMatchObject({ effect: "block", policyId: "p" });
  });
});
