import * as z from "zod";
import { expect, test } from "vitest";

import {
  createAgentPlane,
  defineRule,
  memorySink,
  rule,
  type Decision,
  type Policy,
} from "../../src/index.ts";
import { canonicalJson } from "../../src/base/canonical-json.ts";

const POLICY: Policy = {
  id: "tools",
  selector: { tools: ["read_*", "drop_*"] },
  blocking: [
    rule.allowlist({ tools: ["read_*"] }),
    rule.redact({ fields: ["ssn"] }),
    rule.rate({ limit: 1_000, window: "1h", per: "tenant" }),
  ],
};

const call = (tool: string) => ({ hookpoint: "before_tool_call", agent: "a", tenant: "t", tool }) as const;

function wordsOf({ id: _id, durationMs: _durationMs, ...words }: Decision) {
  return words;
}

test("calls alike get decisions that differ in id and duration alone, and that nobody can change", async () => {
  const { engine } = createAgentPlane({ policies: [POLICY] });
  const first = await engine.decide(call("read_a"));
  const second = await engine.decide(call("read_a"));
  expect(second.id).not.toBe(first.id);
  expect(wordsOf(second)).toStrictEqual(wordsOf(first));
  for (const part of [second, second.findings, second.findings[0], second.obligations])
    expect(Object.isFrozen(part)).toBe(true);
});

test("a decision says what its own call led to, whatever was decided before it", async () => {
  const { engine } = createAgentPlane({ policies: [POLICY], defaultEffect: "block" });
  const asked = ["read_a", "drop_a", "other", "read_a", "drop_b", "drop_a", "other"];
  const decisions: Decision[] = [];
  // oxlint-disable-next-line no-await-in-loop -- one after the other is what is tested
  for (const tool of asked) decisions.push(await engine.decide(call(tool)));
  expect(decisions.map(({ effect, cause }) => `${effect} ${cause}`)).toStrictEqual([
    "allow rule",
    "block rule",
    "block no_policy",
    "allow rule",
    "block rule",
    "block rule",
    "block no_policy",
  ]);
  expect(decisions[4]?.message).toContain("drop_b");
  expect(decisions[5]?.message).toContain("drop_a");
  const peek = await engine.decide(call("read_a"), { intent: "peek" });
  expect([peek.intent, decisions[3]?.intent]).toStrictEqual(["peek", "admit"]);
});

test("a rule of your own that changes its answer afterwards changes no decision made before", async () => {
  const said = { answer: "allow" as const, reason: "first" };
  const mine = defineRule({
    kind: "mine",
    summary: "Answers with one object.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: () => ({ check: () => ({ answer: said }) }),
  });
  const { engine } = createAgentPlane({
    rules: [mine],
    policies: [{ id: "p", blocking: [{ rule: "mine" }] }],
  });
  const first = await engine.decide(call("x"));
  said.reason = "second";
  const second = await engine.decide(call("x"));
  expect([first.reason, first.findings[0]?.reason]).toStrictEqual(["first", "first"]);
  expect([second.reason, second.findings[0]?.reason]).toStrictEqual(["second", "second"]);
});

test("the record of such a decision is canonical JSON of the decision itself", async () => {
  const audit = memorySink();
  const { engine, guard } = createAgentPlane({ policies: [POLICY], audit });
  const decision = await engine.decide(call("read_a"));
  await guard.toolCall({ context: call("read_a"), run: () => ({ ssn: "1", name: "x" }) });
  await engine.decide(call("drop_a"));
  const lines = audit.lines();
  for (const line of lines) expect(line).toBe(canonicalJson(JSON.parse(line)));
  // What is undefined is left out of the text.
  const written = audit.records().filter(({ kind }) => kind !== "control");
  expect(written.map(({ kind }) => kind)).toStrictEqual(["decision", "decision", "outcome", "decision"]);
  expect(written[0]).toMatchObject({ decision: JSON.parse(JSON.stringify(decision)) });
});
