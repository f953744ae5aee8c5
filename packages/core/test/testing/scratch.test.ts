import { test } from "vitest";
import { appendFileSync, writeFileSync } from "node:fs";
import { createAgentPlane } from "../../src/plane.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
writeFileSync("/tmp/conf/probe.txt", "");
const log = (...a: unknown[]) => appendFileSync("/tmp/conf/probe.txt", a.map((x) => typeof x === "string" ? x : JSON.stringify(x)).join(" ") + "\n");
const S = "key-4711-abcdef";
const mk = (o = {}) => createAgentPlane({ ports: createTestPorts(), scanner: createFakeScanner([{ name: "key", family: "secret", texts: [S] }]), ...o });
test("evaluate twice same callId", async () => {
  const p = mk();
  const c = { hookpoint: "before_tool_call", agent: "a", session: "s", callId: "c1", tool: { name: "t", input: {} } } as const;
  await p.engine.evaluate(c).then((d) => log("1", d.effect));
  await p.engine.evaluate(c).then((d) => log("2", d.effect), (e) => log("2", e.message));
});
test("stream twice", async () => {
  const p = mk();
  let n = 0;
  const s = await p.guard.modelStream({ context: p.guard.context({ hookpoint: "before_model_call", agent: "a", model: { name: "m", messages: [] } }), run: async function* () { n++; yield "x"; yield "y"; }, codec: { read: (t) => ({ part: "p", text: t }), write: (_c, t) => t } });
  for (let i = 0; i < 2; i++) { const got: string[] = []; try { for await (const c of s as AsyncIterable<string>) got.push(c); } catch (e) { log("err", (e as Error).message); } log("stream", i, got, n); }
});
test("non-error throw", async () => {
  const p = mk({ policies: [{ id: "r", blocking: [{ rule: "redact", detect: ["key"] }] }] });
  for (const err of [{ message: S }, Object.assign(new Error("plain"), { data: S }), new Error(S, { cause: S }), S]) {
    try {
      await p.guard.toolCall({ context: p.guard.context({ hookpoint: "before_tool_call", agent: "a", tool: { name: "t", input: {} } }), run: async () => { throw err; } });
    } catch (e) { log("thrown", e instanceof Error ? { m: e.message, c: e.cause, d: (e as any).data } : e as object); }
  }
});
test("same id twice at once", async () => {
  const p = mk();
  let n = 0;
  const go = () => p.guard.toolCall({ context: p.guard.context({ hookpoint: "before_tool_call", agent: "a", session: "s", callId: "c", tool: { name: "t", input: {} } }), run: async () => { n++; await null; return 1; } });
  const r = await Promise.all([go(), go()]);
  log("dup", n, r.map((x) => x.status));
});
test("late iteration holds", async () => {
  const p = mk({ policies: [{ id: "b", blocking: [{ rule: "tokenBudget", maxTokens: 1000, window: "1h", maxOutput: 500 }] }] });
  await p.guard.modelStream({ context: p.guard.context({ hookpoint: "before_model_call", agent: "a", model: { name: "m", messages: [] } }), run: async function* () { yield "x"; }, codec: { read: (t: string) => ({ part: "p", text: t }), write: (_c, t) => t } });
  log("held", await p.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" }));
});
test("getter / tool arg mutated after decision", async () => {
  const p = mk({ policies: [{ id: "b", blocking: [{ rule: "condition", where: { tool: "t", input: { amount: { gt: 100 } } } }] }] });
  let reads = 0;
  const input = { get amount() { return reads++ === 0 ? 1 : 1000; } };
  const r = await p.guard.toolCall({ context: p.guard.context({ hookpoint: "before_tool_call", agent: "a", tool: { name: "t", input } }), run: ({ input: i }) => i });
  log("getter", r.status === "ran" ? r.result as object : r.message);
});
test("kill while pending approval wait / result object with secret keys", async () => {
  const p = mk({ policies: [{ id: "r", blocking: [{ rule: "redact", detect: ["key"] }] }] });
  const r = await p.guard.toolCall({ context: p.guard.context({ hookpoint: "before_tool_call", agent: "a", tool: { name: "t", input: {} } }), run: () => ({ [S]: 1, m: new Map([["k", S]]), d: new Date(0), e: new Error(S), b: [S, { x: `${S}${S}` }], j: JSON.stringify({ a: S }) }) as unknown });
  log("redacted", r.status === "ran" ? r.result as object : r.message);
  if (r.status === "ran") log([...((r.result as any).m?.values?.() ?? [])], String((r.result as any).e?.message));
});
