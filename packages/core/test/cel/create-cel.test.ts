import { describe, expect, test } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import { createCel } from "../../src/cel/index.ts";
import { contextOf, sessionOf } from "./contexts.ts";

const cel = createCel();

function refusal(expression: string): AgentplaneError {
  try {
    cel.compile(expression);
  } catch (error) {
    if (error instanceof AgentplaneError) return error;
    throw error;
  }
  throw new Error(`${expression} was accepted`);
}

function failure(expression: string, input: Parameters<typeof contextOf>[0] = {}): AgentplaneError {
  const holds = cel.compile(expression);
  try {
    holds(contextOf(input), sessionOf());
  } catch (error) {
    if (error instanceof AgentplaneError) return error;
    throw error;
  }
  throw new Error(`${expression} did not fail`);
}

describe("an expression is refused at load, its offending part named", () => {
  const cases: readonly [name: string, expression: string, part: string, words: RegExp][] = [
    ["broken syntax", "input.a =", "=", /Unexpected character/],
    ["an unknown variable", 'tol.name == "x"', "tol", /did you mean "tool"/],
    ["an unknown field", 'tool.nam == "x"', "nam", /No such key/],
    ["a comparison across types", "agent.id > 5", "agent.id > 5", /string > int/],
    ["no condition", "now + 1", "now + 1", /is a int, not a condition/],
    ["a ternary", "isError ? true : false", "isError ? true : false", /not supported/],
    ["a map literal", '{"a": 1} == input', '{"a": 1}', /not supported/],
    ["an unsigned literal", "1u == 1u", "1u", /not supported/],
    ["bytes", "b'a' == b'a'", "b'a'", /not supported/],
    ["a conversion", 'int("1") == 1', 'int("1")', /unsupported function int/],
    ["another method", 'tenant.substring(1) == "a"', "tenant.substring(1)", /unsupported method substring/],
    ["another macro", "input.l.map(x, x) == []", "input.l.map(x, x)", /unsupported method map/],
    [
      "a name every object has",
      "tenant.constructor(1)",
      "tenant.constructor(1)",
      /unsupported method constructor/,
    ],
    ["too many arguments", "size(tenant, 1) == 1", "size(tenant, 1)", /passes 2 arguments/],
    ["has of a variable", "has(tenant)", "has(tenant)", /no field/],
    ["matches on a number", 'now.matches("x")', 'now.matches("x")', /int\.matches/],
    ["a pattern from data", "tenant.matches(user)", "tenant.matches(user)", /written|write the pattern/],
    ["look-around in a pattern", 'tenant.matches("(?=a)")', 'tenant.matches("(?=a)")', /RE2/],
    ["a shadowing iteration variable", "input.l.all(tool, tool == 1)", "tool", /already a variable/],
    [
      "iteration over outer data inside an iteration",
      "input.l.all(x, input.l.exists(y, y == x))",
      "input.l.exists(y, y == x)",
      /outer data/,
    ],
    [
      "what is too long",
      `tenant == "${"a".repeat(5_000)}"`,
      `tenant == "${"a".repeat(69)}…`,
      /longer than 4096/,
    ],
  ];

  test.each(cases)("%s", (_name, expression, part, words) => {
    const error = refusal(expression);
    expect(error.code).toBe("config_invalid");
    expect(error.data["part"]).toBe(part);
    expect(error.message).toMatch(words);
  });

  test("too deep nesting", () => {
    expect(refusal(`${"!".repeat(3_000)}isError`).code).toBe("config_invalid");
    expect(refusal(`${"(".repeat(2_000)}isError${")".repeat(2_000)}`).code).toBe("config_invalid");
  });
});

describe("an expression that runs", () => {
  test("sees every variable", () => {
    const all = [
      'hookpoint == "before_tool_call"',
      'agent.id == "billing-1"',
      'agent.runId == "run-1"',
      '"root" in agent.ancestors',
      'tenant == "prod"',
      'tool.name == "refund"',
      "tool.input.amount == input.amount",
      'tags.env == "prod"',
      "!isError",
      "usage.inputTokens == 12",
      "now == 1000",
      "history.calls == 3 && history.blocked == 1",
      'model.name == "m" && api.host == "h" && api.port == 443 && target.name == "t"',
      'user == "u" && session == "s" && origin == "mcp-sampling" && result.ok',
    ];
    const context = contextOf(
      { amount: 5 },
      {
        user: "u",
        session: "s",
        origin: "mcp-sampling",
        result: { ok: true },
        model: { name: "m", messages: [] },
        api: { method: "GET", host: "h", path: "/", scheme: "https", port: 443 },
        target: { name: "t", input: null },
      },
    );
    expect(cel.compile(all.join(" && "))(context, sessionOf())).toBe(true);
  });

  test("iterates over parts of the element it is at", () => {
    const holds = cel.compile('input.rows.exists(row, row.tags.all(tag, tag != "pii"))');
    expect(holds(contextOf({ rows: [{ tags: ["pii"] }, { tags: ["ok"] }] }), undefined)).toBe(true);
    expect(holds(contextOf({ rows: [{ tags: ["pii"] }] }), undefined)).toBe(false);
  });

  test("reads members with hostile names as the keys they are", () => {
    const input: unknown = JSON.parse('{"constructor":"x","__proto__":{"admin":true},"toString":1}');
    const context = contextOf(input as never);
    expect(cel.compile('input.constructor == "x" && input.toString == 1')(context, undefined)).toBe(true);
    expect(cel.compile("has(input.admin) || has(input.valueOf)")(context, undefined)).toBe(false);
  });

  test("compares whole numbers with fractions by their value", () => {
    expect(
      cel.compile("input.a == 2.0 && input.a > 1.5 && input.a + 1 == 3")(contextOf({ a: 2 }), undefined),
    ).toBe(true);
  });

  test("finds a null member present, as the specification says", () => {
    expect(cel.compile("has(input.a) && input.a == null")(contextOf({ a: null }), undefined)).toBe(true);
  });

  test("matches a pattern that makes a backtracking engine hang", () => {
    // 2^60 steps for a backtracking engine: this test would not come back.
    const holds = cel.compile('input.text.matches("^(a+)+$")');
    expect(holds(contextOf({ text: `${"a".repeat(60)}!` }), undefined)).toBe(false);
    expect(holds(contextOf({ text: "aaa" }), undefined)).toBe(true);
  });

  test("keeps several expressions of one compiler apart", () => {
    const [a, b] = [cel.compile('tenant.matches("^p")'), cel.compile('tenant.matches("^q")')];
    expect([a, b].map((holds) => holds(contextOf({}), undefined))).toEqual([true, false]);
  });
});

describe("a value that is missing when it runs", () => {
  test.each(["input.nope == 1", 'model.name == "m"', 'user == "u"', "result.ok", "input.items[9] == 1"])(
    "throws, so that onError decides: %s",
    (expression) => {
      expect(failure(expression, { items: [] }).code).toBe("rule_failed");
    },
  );

  test("throws for the history of a session that was not read", () => {
    const holds = cel.compile("history.calls > 1");
    expect(() => holds(contextOf({}), undefined)).toThrow(AgentplaneError);
  });

  test("can be asked for with has", () => {
    const holds = cel.compile(
      "!has(input.nope) && !has(model.name) && !has(tool.server) && !has(history.calls)",
    );
    expect(holds(contextOf({}), undefined)).toBe(true);
  });

  test("throws without the values of the call", () => {
    const error = failure("input.text > 5", { text: "hunter2" });
    expect(error.message).not.toContain("hunter2");
    expect(error.cause).toBeUndefined();
  });

  test("throws where the condition turns out to be no bool", () => {
    expect(failure("input.flag", { flag: "yes" }).message).toMatch(/no bool/);
  });
});
