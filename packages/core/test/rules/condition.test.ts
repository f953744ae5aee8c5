/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";

import { AgentplaneError } from "../../src/base/errors.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { tagsOf } from "../../src/context/context-parts.ts";
import type { PolicyContext, ToolCall } from "../../src/context/context.ts";
import { createCel } from "../../src/cel/index.ts";
import { condition } from "../../src/rules/condition.ts";
import type { CelCompiler } from "../../src/rules/rule.ts";
import {
  answerOf,
  ask,
  compileRule,
  contextAt,
  modelCall,
  problemsOf,
  sessionOf,
  toolCall,
} from "./compile-rule.ts";

const refund = (input: JsonValue) => toolCall("refund", input);
const on = (where: object, rest: object = {}) => compileRule(condition, { where, ...rest });

test("fires for the calls that where describes and has no opinion on others", () => {
  const rule = on({ tool: "refund", input: { amount: { gt: 500 } } });
  expect(answerOf(rule, refund({ amount: 501 }))).toBe("block");
  expect(answerOf(rule, refund({ amount: 500 }))).toBe("skip");
  expect(answerOf(rule, toolCall("search", { q: "x" }))).toBe("skip");
});

test("answers what then says, with the reason that the policy gives", () => {
  const where = { tool: "refund" };
  expect(answerOf(on(where, { then: "allow" }), refund({}))).toBe("allow");
  expect(answerOf(on(where, { then: "escalate" }), refund({}))).toBe("escalate");
  expect(ask(on(where, { reason: "no refunds today" }), refund({}))?.answer?.reason).toBe("no refunds today");
});

test("answers for the calls in its scope that break what it requires", () => {
  const rule = on({ tool: "refund" }, { require: { input: { amount: { lte: 500 } } } });
  expect(answerOf(rule, refund({ amount: 501 }))).toBe("block");
  expect(answerOf(rule, refund({ amount: 500 }))).toBe("skip");
  expect(answerOf(rule, toolCall("search", {}))).toBe("skip");
  expect(() => answerOf(rule, refund({}))).toThrow(/input\.amount is not there/);
});

test("negative_literals_and_not_work_in_block_rules", () => {
  const below = on({ input: { delta: { lt: -5 } } });
  expect(answerOf(below, refund({ delta: -6 }))).toBe("block");
  expect(answerOf(below, refund({ delta: -5 }))).toBe("skip");
  const cel = compileRule(
    condition,
    { when: "input.delta < -5 && !(input.delta < -50)" },
    { cel: createCel() },
  );
  expect(answerOf(cel, refund({ delta: -6 }))).toBe("block");
  expect(answerOf(cel, refund({ delta: -5 }))).toBe("skip");
  const not = on({ not: { input: { status: "open" } } });
  expect(answerOf(not, refund({ status: "closed" }))).toBe("block");
  expect(answerOf(not, refund({ status: "open" }))).toBe("skip");
});

test.for<[object, JsonValue, JsonValue]>([
  [{ eq: { a: [1, null] } }, { a: [1, null] }, { a: [1] }],
  [{ ne: "x" }, "y", "x"],
  [{ lt: 5 }, 4, 5],
  [{ lte: 5 }, 5, 6],
  [{ gt: 5 }, 6, 5],
  [{ gte: 5 }, 5, 4],
  [{ gte: "2026-01-01" }, "2026-02-01", "2025-12-31"],
  [{ in: [1, "a", null] }, null, "b"],
  [{ glob: ["/tmp/*", "!/tmp/secret*"] }, "/tmp/a", "/tmp/secret1"],
  [{ all: { glob: "*@acme.com" } }, ["a@acme.com", "b@acme.com"], ["a@acme.com", "b@evil.com"]],
  [{ any: { gt: 10 } }, [1, 11], [1, 2]],
  [{ any: [{ lt: 0 }, { gt: 10 }] }, 11, 5],
  [{ all: [{ gt: 0 }, { lt: 10 }] }, 5, 11],
  [{ not: { in: ["a", "b"] } }, "c", "a"],
  [{ gt: 0, lt: 10 }, 5, 11],
])("compares with %j: %j matches and %j does not", ([comparison, match, miss]) => {
  const rule = on({ input: { value: comparison } });
  expect(answerOf(rule, refund({ value: match }))).toBe("block");
  expect(answerOf(rule, refund({ value: miss }))).toBe("skip");
});

test("asks whether a value is there at all", () => {
  expect(answerOf(on({ input: { force: { exists: true } } }), refund({ force: null }))).toBe("block");
  expect(answerOf(on({ input: { force: { exists: false } } }), refund({}))).toBe("block");
  expect(answerOf(on({ input: { force: { exists: true } } }), refund({}))).toBe("skip");
});

test("reaches nested members and list items by path", () => {
  const rule = on({ input: { "customer.country": "DE", "items[0].price": { gt: 5 }, '$["a.b"]': true } });
  expect(answerOf(rule, refund({ customer: { country: "DE" }, items: [{ price: 6 }], "a.b": true }))).toBe(
    "block",
  );
});

test("cannot be led around by leaving a value out or sending another type", () => {
  const rule = on({ input: { amount: { gt: 500 } } });
  expect(() => answerOf(rule, refund({}))).toThrow(/input\.amount is not there/);
  expect(() => answerOf(rule, refund({ amount: "600" }))).toThrow(/input\.amount has a type/);
  expect(() => answerOf(on({ input: { path: { glob: "/etc/*" } } }), refund({ path: ["/etc/x"] }))).toThrow(
    /type/,
  );
  expect(() => answerOf(on({ input: { to: { all: "a" } } }), refund({ to: "a" }))).toThrow(/type/);
});

test("reads own members only", () => {
  expect(answerOf(on({ input: { toString: { exists: true } } }), refund({}))).toBe("skip");
});

test.for<[string, Partial<ToolCall>]>([
  ["without an input", {}],
  ["whose input is null", { input: null }],
])("a tool call %s has no answer either: leaving it out is no way around a limit", ([, call]) => {
  const context = contextAt("before_tool_call", { tool: { name: "refund", ...call } });
  const cel = { cel: createCel() };
  const rules = [
    on({ tool: "refund", input: { amount: { gt: 500 } } }),
    on({ not: { input: { confirmed: true } } }),
    on({ tool: "refund" }, { require: { input: { amount: { lte: 500 } } } }),
    compileRule(condition, { when: 'tool.name == "refund" && input.amount > 500' }, cel),
    compileRule(condition, { when: "tool.input.amount > 500" }, cel),
  ];
  for (const rule of rules) expect(() => answerOf(rule, context)).toThrow(AgentplaneError);
  // What another tool is asked about is still no question to this one.
  expect(answerOf(on({ tool: "other", input: { amount: { gt: 500 } } }), context)).toBe("skip");
});

test("a result that is null is a result, of which a condition has no answer", () => {
  const after = contextAt("after_tool_call", { tool: { name: "refund", input: {} }, result: null });
  const cel = compileRule(condition, { when: "result.ok == false" }, { cel: createCel() });
  for (const rule of [on({ result: { ok: false } }), cel])
    expect(() => answerOf(rule, after)).toThrow(AgentplaneError);
});

test("whether the action failed is asked after it alone, and answered without a result too", () => {
  const tool = { name: "refund", input: {} };
  const before = contextAt("before_tool_call", { tool });
  const after = (more: Partial<PolicyContext>) => contextAt("after_tool_call", { tool, ...more });
  const rules = [
    on({ isError: true }),
    compileRule(condition, { when: 'isError && tool.name == "refund"' }, { cel: createCel() }),
  ];
  for (const rule of rules) {
    expect(answerOf(rule, before)).toBe("skip");
    expect(answerOf(rule, after({ result: "x" }))).toBe("skip");
    expect(answerOf(rule, after({ isError: false }))).toBe("skip");
    expect(answerOf(rule, after({ isError: true }))).toBe("block");
    expect(answerOf(rule, after({ result: "x", isError: true }))).toBe("block");
  }
});

test("a call of the agent itself has the origin agent, in both forms", () => {
  const origin = { when: 'origin == "agent"' };
  expect(answerOf(compileRule(condition, origin, { cel: createCel() }), refund({}))).toBe("block");
  expect(answerOf(on({ origin: "agent" }), refund({}))).toBe("block");
});

test("skips where the hookpoint does not carry what is asked about", () => {
  expect(answerOf(on({ input: { amount: { gt: 500 } } }), modelCall())).toBe("skip");
  expect(answerOf(on({ tool: "refund" }), modelCall())).toBe("skip");
  expect(answerOf(on({ not: { tool: "refund" } }), modelCall())).toBe("skip");
  expect(answerOf(on({ result: { ok: false } }), refund({}))).toBe("skip");
});

test("lets a definite part decide whatever the order and whatever else is missing", () => {
  const call = refund({ known: 1 });
  const known = { input: { known: 2 } };
  const missing = { input: { unknown: 1 } };
  for (const all of [
    [known, missing],
    [missing, known],
  ]) {
    expect(answerOf(on({ all }), call)).toBe("skip");
    expect(answerOf(on({ not: { any: [{ not: known }, ...all] } }), call)).toBe("skip");
  }
  expect(() => answerOf(on({ any: [known, missing] }), call)).toThrow(/input\.unknown/);
  // An alternative for another hookpoint does not excuse the one that could not be judged here.
  expect(() => answerOf(on({ any: [{ result: { ok: 1 } }, missing] }), call)).toThrow(/input\.unknown/);
  expect(answerOf(on({ all: [missing, { result: { ok: 1 } }] }), call)).toBe("skip");
});

test("knows a tool under every name where a match restricts, and only under safe ones where it permits", () => {
  const alias = toolCall("tidy", {}, { server: "files", originalName: "delete_all" });
  expect(answerOf(on({ tool: "delete_*" }), alias)).toBe("block");
  expect(answerOf(on({ tool: "delete_*" }, { then: "allow" }), alias)).toBe("skip");
  expect(answerOf(on({ tool: { glob: ["tidy"] } }, { then: "allow" }), alias)).toBe("allow");
  // A requirement permits, and so does what a blocking condition exempts.
  expect(answerOf(on({ agent: "*" }, { require: { tool: "delete_all" } }), alias)).toBe("block");
  expect(answerOf(on({ not: { tool: "delete_all" } }), alias)).toBe("block");
});

const at = (id: string, env: string) =>
  contextAt("before_agent", { agent: { id, ancestors: [] }, tags: { env } });

test("takes patterns for names: documented_globs_match", () => {
  const rule = on({ agent: ["billing-*", "!billing-test"], tags: { env: "prod*" }, hookpoint: "before_*" });
  expect(answerOf(rule, at("billing-1", "prod-eu"))).toBe("block");
  expect(answerOf(rule, at("billing-test", "prod-eu"))).toBe("skip");
  expect(answerOf(rule, at("billing-1", "dev"))).toBe("skip");
});

test("knows a tag by its name, however that is composed", () => {
  const tags = tagsOf({ "re\u0301gion": "eu" });
  for (const name of ["r\u00e9gion", "re\u0301gion"])
    expect(answerOf(on({ tags: { [name]: "eu" } }), contextAt("before_agent", { tags }))).toBe("block");
});

test("an absent name matches nothing, and no negation makes it a match", () => {
  expect(answerOf(on({ tenant: "*" }), contextAt("before_agent"))).toBe("skip");
  expect(() =>
    answerOf(on({ not: { tenant: "acme" } }, { then: "allow" }), contextAt("before_agent")),
  ).toThrow(/tenant/);
  expect(() => answerOf(on({ tenant: { ne: "acme" } }), contextAt("before_agent"))).toThrow(/tenant/);
  expect(answerOf(on({ tenant: { exists: false } }), contextAt("before_agent"))).toBe("block");
});

test("looks after the action only when it asks about the outcome or names the hookpoint", () => {
  const after = contextAt("after_tool_call", { tool: { name: "refund", input: {} }, result: { ok: false } });
  expect(answerOf(on({ tool: "refund" }, { then: "escalate" }), after)).toBe("skip");
  expect(answerOf(on({ result: { ok: false } }), after)).toBe("block");
  expect(answerOf(on({ hookpoint: "after_tool_call" }), after)).toBe("block");
  expect(answerOf(on({ isError: true }), { ...after, isError: true })).toBe("block");
});

test("buffers a streamed answer only where it looks at the answer", () => {
  expect(on({ tool: "refund" }).span).toStrictEqual({ incremental: 0 });
  expect(on({ result: { ok: false } }).span).toBe("whole");
});

test("sees what the session has done", () => {
  const rule = on({ tool: "send", history: { tools: { any: "read_*" }, calls: { gte: 2 } } });
  expect(rule.reads).toContain("session");
  const asked = (names: readonly string[]) =>
    answerOf(rule, toolCall("send"), { session: sessionOf(names.map((name) => ({ name }))) });
  expect(asked(["read_mail", "list"])).toBe("block");
  expect(asked(["list", "list"])).toBe("skip");
  const refused = sessionOf([{ name: "read_mail", effect: "block" }, { name: "list" }]);
  expect(answerOf(rule, toolCall("send"), { session: refused })).toBe("skip");
  expect(() => answerOf(rule, toolCall("send"))).toThrow(/history/);
});

test("compares the HTTP call and the usage", () => {
  const api = { method: "POST", host: "h.test", path: "/x", scheme: "https", port: 8443 };
  const rule = on({ api: { method: ["POST", "PUT"], port: { ne: 443 } } });
  expect(answerOf(rule, contextAt("before_tool_call", { tool: { name: "http" }, api }))).toBe("block");
  const ended = contextAt("after_model_call", {
    model: { name: "m", messages: [] },
    result: "",
    usage: { outputTokens: 9 },
  });
  expect(answerOf(on({ usage: { outputTokens: { gt: 8 } } }), ended)).toBe("block");
});

test.for([
  { method: "delete" },
  { method: { in: ["GET", "Delete"] } },
  { method: { glob: "del*" } },
  { host: "API.Example.com" },
  { host: ["*.EXAMPLE.com"] },
  { scheme: { not: { eq: "HTTP" } } },
])("reads %j as calls are spelt: whatever its capitals are, it means the same call", (api) => {
  const traits = { api: { method: "Delete", url: "$.url" } };
  const call = toolCall("http", { url: "https://api.example.com/Reports" });
  expect(answerOf(on({ api }), call, { traits })).toBe("block");
  expect(answerOf(on({ api: { ...api, path: "/reports" } }), call, { traits })).toBe("skip");
});

test("finds the HTTP call of a mapped tool, and cannot answer for a URL that nobody can judge", () => {
  const rule = on({ api: { host: "*.evil.test" } });
  const traits = { api: { method: "GET", url: "$.url" } };
  const asked = (url: string) => answerOf(rule, toolCall("http", { url }), { traits });
  expect(asked("https://x.evil.test/")).toBe("block");
  expect(asked("https://good.test/")).toBe("skip");
  expect(() => asked("https://user@good.test/")).toThrow(/api is not there/);
  expect(answerOf(rule, toolCall("calculator"))).toBe("skip");
});

test("runs a CEL expression beside where, and looks after the action when it names the outcome", () => {
  const seen: string[] = [];
  const cel = { compile: (text: string) => (seen.push(text), () => true) };
  const after = contextAt("after_tool_call", { tool: { name: "t", input: {} }, result: {} });
  const asks = (when: string) => answerOf(compileRule(condition, { when }, { cel }), after);
  expect(asks('input.text == "the result"')).toBe("skip");
  expect(asks("input.result == 1")).toBe("skip");
  expect(asks("size(result) > 3")).toBe("block");
  expect(compileRule(condition, { when: "history.calls > 3" }, { cel }).reads).toStrictEqual(["session"]);
  expect(
    answerOf(compileRule(condition, { where: { tool: "x" }, when: "true" }, { cel }), toolCall("y")),
  ).toBe("skip");
  expect(() => compileRule(condition, { when: "true" })).toThrow(/needs CEL.*@agentplane\/core\/cel/);
  expect(seen).toContain("size(result) > 3");
});

test.for<[object, string]>([
  [{}, "needs a condition"],
  [{ where: {} }, "where: compares nothing"],
  [{ where: { tol: "x" } }, "where.tol: is not something"],
  [{ where: { input: { amount: { gtt: 5 } } } }, "where.input.amount.gtt: is not a comparison"],
  [{ where: { input: { amount: { gt: Number.NaN } } } }, "where.input.amount.gt: must be a number or a text"],
  [{ where: { input: { amount: { gt: [5] } } } }, "where.input.amount.gt: must be"],
  [{ where: { input: { amount: [1, 2] } } }, "where.input.amount: is a list"],
  [{ where: { input: { amount: {} } } }, "where.input.amount: compares nothing"],
  [{ where: { input: { __proto__x: {}, "a..b": 1 } } }, "where.input.a..b: is not a path"],
  [{ where: { input: { "constructor.name": 1 } } }, "is not a path"],
  [{ where: { input: 5 } }, "where.input: must be an object"],
  [{ where: { usage: { tokens: 5 } } }, "where.usage.tokens: is not something"],
  [{ where: { any: [] } }, "where.any: must be a list of conditions"],
  [{ where: { any: [{ tenant: 5, x: 1 }] } }, "where.any.0.x"],
  [{ where: { tool: { eq: "x" } } }, "where.tool: must be a pattern"],
  [{ where: { input: { a: { in: [] } } } }, "where.input.a.in"],
  [{ where: { input: { a: { exists: "yes" } } } }, "where.input.a.exists: must be true or false"],
  [{ where: { input: { a: { glob: [""] } } } }, "where.input.a.glob"],
  [{ require: { tool: "x" }, then: "allow" }, "require: cannot stand beside"],
  [{ where: "tool == 1" }, "where"],
  [{ where: { input: { path: "/etc/*" } } }, "where.input.path: has a wildcard"],
  [{ where: { tenant: 5 } }, "where.tenant: is compared with a text"],
  [{ where: { history: { calls: { gt: "5" } } } }, "where.history.calls.gt: must be a number"],
  [{ where: { usage: { inputTokens: { glob: "5*" } } } }, "where.usage.inputTokens.glob: compares texts"],
  [{ where: { tool: "x" }, then: "deny" }, "then"],
])("typo_and_garbage_conditions_fail_to_load: %j", ([params, problem]) => {
  expect(problemsOf(condition, params).join("\n")).toContain(problem);
});

const real = (when: string) => compileRule(condition, { when }, { cel: createCel() });

test("takes an expression that needs what the hookpoint does not carry for another moment's", () => {
  const refunds = real('tool.name == "refund" && input.amount > 500');
  expect(answerOf(refunds, refund({ amount: 501 }))).toBe("block");
  expect(answerOf(refunds, refund({ amount: 500 }))).toBe("skip");
  expect(answerOf(refunds, modelCall())).toBe("skip");
  expect(() => answerOf(refunds, refund({}))).toThrow(/CEL/);
  expect(refunds.reads).toStrictEqual(["input"]);
  const either = real('tool.name == "refund" || model.name == "small"');
  expect([answerOf(either, refund({})), answerOf(either, modelCall())]).toStrictEqual(["block", "block"]);
  expect(answerOf(real('tool.name == "x" || model.name == "big"'), modelCall())).toBe("skip");
});

test("finds a misspelt hookpoint and a wrong expression when the policy is compiled", () => {
  expect(() => on({ hookpoint: ["before_tol_call"] })).toThrow(
    /where\.hookpoint: "before_tol_call".*before_tool_call/,
  );
  const cel = createBadCel();
  expect(() => compileRule(condition, { when: "1 +" }, { cel })).toThrow(/when: unexpected end/);
});

function createBadCel(): CelCompiler {
  return {
    compile() {
      throw new AgentplaneError("config_invalid", "unexpected end");
    },
  };
}

test("suggests the word that was probably meant", () => {
  const result = z.safeParse(condition.params, { where: { input: { amount: { gtee: 5 } } } });
  expect(result.error?.issues[0]).toMatchObject({ params: { suggestion: expect.stringContaining('"gte"') } });
});

test("agrees with the plain reading of its comparisons on any number", () => {
  const number = fc.integer({ min: -50, max: 50 });
  fc.assert(
    fc.property(number, number, number, (value, low, high) => {
      const between = on({ input: { value: { gte: low, not: { gt: high } } } });
      const isBetween = value >= low && value <= high;
      expect(answerOf(between, refund({ value }))).toBe(isBetween ? "block" : "skip");
      const required = on({ tool: "refund" }, { require: { input: { value: { gte: low, lte: high } } } });
      expect(answerOf(required, refund({ value }))).toBe(isBetween ? "skip" : "block");
    }),
  );
});

test.for<[object, JsonValue]>([
  [{ in: ["caf\u00e9", "bar"] }, "cafe\u0301"],
  [{ in: ["cafe\u0301"] }, "caf\u00e9"],
  [{ eq: "caf\u00e9" }, "cafe\u0301"],
  [{ eq: { names: ["caf\u00e9"] } }, { names: ["cafe\u0301"] }],
])("two spellings of one text are equal: %j and %j", ([place, value]) => {
  expect(answerOf(on({ input: { place } }), refund({ place: value }))).toBe("block");
  expect(answerOf(on({ input: { place } }), refund({ place: "cafe" }))).toBe("skip");
});
