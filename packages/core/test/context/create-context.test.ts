import { describe, expect, test } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import {
  createContext,
  inputOf,
  withInput,
  withResult,
  type ContextInit,
} from "../../src/context/create-context.ts";
import { snapshot } from "../../src/context/snapshot.ts";

const minimal = { hookpoint: "before_tool_call", agent: "billing" } as const satisfies ContextInit;

function fieldOf(init: unknown): unknown {
  try {
    // The point of these tests is what types would not let through.
    createContext(init as ContextInit, 1);
  } catch (error) {
    if (error instanceof AgentplaneError && error.code === "context_invalid") return error.data["field"];
    throw error;
  }
  throw new Error("was not refused");
}

function frozenDeep(value: unknown): boolean {
  return (
    typeof value !== "object" ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(frozenDeep))
  );
}

test("builds the smallest context without any absent dimension", () => {
  expect(createContext(minimal, 7)).toEqual({
    hookpoint: "before_tool_call",
    agent: { id: "billing", ancestors: [] },
    tags: {},
    nowMs: 7,
  });
  expect(
    Object.keys(createContext({ ...minimal, tenant: undefined, result: undefined, tool: undefined }, 7)),
  ).toStrictEqual(["hookpoint", "agent", "tags", "nowMs"]);
});

test("carries everything, frozen throughout", () => {
  const context = createContext(
    {
      hookpoint: "after_model_call",
      agent: { id: "child", runId: "r", ancestors: ["root"] },
      tenant: "t",
      user: "u",
      session: "s",
      callId: "c",
      origin: "mcp-sampling",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      tool: { name: "n", server: "srv", originalName: "o", pin: "p", input: { a: [1] } },
      model: { name: "m", provider: "p", messages: [{ role: "user" }], tools: ["n"], maxOutputTokens: 5 },
      target: { name: "file:///x", server: "srv", input: { b: 1 } },
      result: { ok: [true] },
      isError: false,
      usage: { inputTokens: 1, outputTokens: 2 },
      api: { method: "get", url: "https://A.example/x" },
      tags: { env: "prod", empty: "" },
      nowMs: 9,
    },
    1,
  );
  expect(context).toMatchObject({
    agent: { id: "child", runId: "r", ancestors: ["root"] },
    tool: { name: "n", server: "srv", originalName: "o", pin: "p", input: { a: [1] } },
    model: { name: "m", provider: "p", messages: [{ role: "user" }], tools: ["n"], maxOutputTokens: 5 },
    target: { name: "file:///x", server: "srv", input: { b: 1 } },
    result: { ok: [true] },
    usage: { inputTokens: 1, outputTokens: 2 },
    api: { method: "GET", host: "a.example", path: "/x", scheme: "https" },
    tags: { env: "prod", empty: "" },
    origin: "mcp-sampling",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    nowMs: 9,
  });
  expect(frozenDeep(context)).toBe(true);
  expect(createContext(context, 1)).toEqual(context);
  expect(createContext(context, 1).tool?.input).toBe(context.tool?.input);
});

test.each(["", "abc", "4BF92F3577B34DA6A3CE929D0E0E4736", "0".repeat(32), `${"4b".repeat(16)}\n`])(
  "refuses %j as the id of a trace",
  (traceId) => {
    expect(() => createContext({ ...minimal, traceId }, 1)).toThrow(
      expect.objectContaining({ code: "context_invalid", data: { field: "traceId" } }),
    );
  },
);

test("normalises names to NFC, but never the framework's own call id", () => {
  const decomposed = "e\u0301";
  const context = createContext(
    {
      ...minimal,
      agent: { id: decomposed, ancestors: [decomposed] },
      tenant: decomposed,
      tool: decomposed,
      callId: decomposed,
      tags: { [decomposed]: decomposed },
    },
    1,
  );
  expect(context.agent).toEqual({ id: "é", ancestors: ["é"] });
  expect([context.tenant, context.tool?.name, context.tags["é"]]).toStrictEqual(["é", "é", "é"]);
  expect(context.callId).toBe(decomposed);
});

test("snapshots an input once, so that a later change is not executed", () => {
  const input = { path: "/tmp" };
  const context = createContext({ ...minimal, tool: { name: "t", input } }, 1);
  input.path = "/etc";
  expect(inputOf(context)).toEqual({ path: "/tmp" });
});

test("reads an input once even where it is a getter of the tool itself", () => {
  let reads = 0;
  const tool = {
    name: "t",
    get input() {
      return { reads: ++reads };
    },
  };
  expect(createContext({ ...minimal, tool }, 1).tool?.input).toEqual({ reads: 1 });
});

test("takes hostile tag names for data", () => {
  const tags = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
  const context = createContext({ ...minimal, tags }, 1);
  expect(Object.entries(context.tags)).toStrictEqual([
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
  expect(Object.getPrototypeOf(context.tags)).toBeNull();
});

describe("refuses", () => {
  test.for<[string, unknown, unknown]>([
    ["no agent", { hookpoint: "before_tool_call" }, "agent"],
    ["an empty agent", { ...minimal, agent: "" }, "agent"],
    ["an agent without an id", { ...minimal, agent: {} }, "agent.id"],
    ["null for an agent", { ...minimal, agent: null }, "agent"],
    [
      "an ancestor that is no text",
      { ...minimal, agent: { id: "a", ancestors: ["b", 1] } },
      "agent.ancestors[1]",
    ],
    ["a lineage that is no list", { ...minimal, agent: { id: "a", ancestors: "root" } }, "agent.ancestors"],
    [
      "an endless lineage",
      { ...minimal, agent: { id: "a", ancestors: Array.from({ length: 257 }, () => "b") } },
      "agent.ancestors",
    ],
    ["an empty tenant", { ...minimal, tenant: "" }, "tenant"],
    ["null for a tenant", { ...minimal, tenant: null }, "tenant"],
    ["a number for a user", { ...minimal, user: 7 }, "user"],
    ["a session of 513 characters", { ...minimal, session: "x".repeat(513) }, "session"],
    ["a very long name of many marks", { ...minimal, user: "e\u0301".repeat(600) }, "user"],
    ["half of a surrogate pair", { ...minimal, user: "a\uD800" }, "user"],
    ["an empty call id", { ...minimal, callId: "" }, "callId"],
    ["a long call id", { ...minimal, callId: "x".repeat(513) }, "callId"],
    ["a hookpoint with capitals", { ...minimal, hookpoint: "Before" }, "hookpoint"],
    ["no hookpoint", { agent: "a" }, "hookpoint"],
    ["a tool without a name", { ...minimal, tool: { input: 1 } }, "tool.name"],
    ["an empty server", { ...minimal, tool: { name: "t", server: "" } }, "tool.server"],
    ["a model without a name", { ...minimal, model: {} }, "model.name"],
    [
      "a NaN output limit",
      { ...minimal, model: { name: "m", maxOutputTokens: Number.NaN } },
      "model.maxOutputTokens",
    ],
    [
      "a negative output limit",
      { ...minimal, model: { name: "m", maxOutputTokens: -1 } },
      "model.maxOutputTokens",
    ],
    ["a target without a name", { ...minimal, target: { input: 1 } }, "target.name"],
    [
      "a URL that cannot be judged",
      { ...minimal, api: { method: "GET", url: "https://u@a.example" } },
      "api",
    ],
    [
      "a normalised call that is not normal",
      { ...minimal, api: { method: "GET", scheme: "https", host: "a.example", path: "//x" } },
      "api",
    ],
    ["a tag that is no text", { ...minimal, tags: { env: 1 } }, "a tag"],
    ["a time that is not a number", { ...minimal, nowMs: Number.NaN }, "nowMs"],
  ])("%s", ([, init, field]) => {
    expect(fieldOf(init)).toBe(field);
  });

  test("names of exactly 512 characters after NFC are fine, and URIs of targets may be longer", () => {
    expect(createContext({ ...minimal, user: "e\u0301".repeat(512) }, 1).user).toBe("é".repeat(512));
    const name = `file:///${"x".repeat(2_000)}`;
    expect(createContext({ ...minimal, target: { name } }, 1).target).toStrictEqual({ name });
  });

  test("content that cannot be snapshotted, without repeating it", () => {
    const input: Record<string, unknown> = { password: "hunter2" };
    input["self"] = input;
    expect(() => createContext({ ...minimal, tool: { name: "t", input } }, 1)).toThrow(
      expect.objectContaining({
        code: "content_refused",
        message: expect.not.stringContaining("hunter2") as string,
      }),
    );
  });
});

describe("withResult", () => {
  const before = createContext({ ...minimal, callId: "c", tool: { name: "t", input: { a: 1 } } }, 1);

  test("is the same call after the action, with what it gave", () => {
    const after = withResult(before, {
      result: { ok: true },
      isError: true,
      usage: { outputTokens: 3 },
      nowMs: 5,
    });
    expect(after).toMatchObject({
      hookpoint: "after_tool_call",
      callId: "c",
      result: { ok: true },
      isError: true,
      usage: { outputTokens: 3 },
      nowMs: 5,
    });
    expect(after.tool).toBe(before.tool);
    expect(frozenDeep(after)).toBe(true);
    expect(before.result).toBeUndefined();
  });

  test("has no result where there was none", () => {
    expect(withResult(before, { result: undefined, nowMs: 5 })).not.toHaveProperty("result");
    expect(withResult(before, { result: null, nowMs: 5 }).result).toBeNull();
  });

  test("leaves counts out that are none, so that the call is settled at its estimate", () => {
    const usage = {
      inputTokens: Number.NaN,
      outputTokens: -1,
      cacheReadTokens: 1.2,
      costMicroUsd: Number.POSITIVE_INFINITY,
    };
    expect(withResult(before, { usage, nowMs: 5 }).usage).toStrictEqual({ cacheReadTokens: 2 });
  });
});

describe("withInput", () => {
  const next = snapshot({ b: 2 });

  test.for([
    ["tool", { tool: { name: "t", input: { a: 1 } } }],
    ["model", { model: { name: "m", messages: [{ a: 1 }] } }],
    ["target", { target: { name: "x", input: null } }],
  ] as const)("replaces the input of a %s and nothing else", ([part, init]) => {
    const context = createContext({ ...minimal, ...init }, 1);
    const changed = withInput(context, next);
    expect(inputOf(changed)).toBe(next);
    expect(changed[part]?.name).toBe(context[part]?.name);
    expect(frozenDeep(changed)).toBe(true);
    expect(withInput(changed, next)).toBe(changed);
  });

  test("leaves a context alone that is about nothing with an input", () => {
    const context = createContext({ ...minimal, hookpoint: "before_agent" }, 1);
    expect(inputOf(context)).toBeUndefined();
    expect(withInput(context, next)).toBe(context);
  });

  test("takes a null input for an input", () => {
    const context = createContext(
      { ...minimal, tool: { name: "t", input: null }, target: { name: "x", input: 1 } },
      1,
    );
    expect(inputOf(context)).toBeNull();
  });
});
