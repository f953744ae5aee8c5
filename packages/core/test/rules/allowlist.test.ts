import { expect, test } from "vitest";

import { allowlist } from "../../src/rules/allowlist.ts";
import { answerOf, ask, compileRule, contextAt, problemsOf, toolCall } from "./compile-rule.ts";

test("allows a listed tool and blocks every other one", () => {
  const rule = compileRule(allowlist, { tools: ["sql_run", "search"] });
  expect(answerOf(rule, toolCall("sql_run"))).toBe("allow");
  expect(answerOf(rule, toolCall("shell"))).toBe("block");
});

test("documented_globs_match", () => {
  const rule = compileRule(allowlist, { tools: ["read_*", "!read_secret*"] });
  expect(answerOf(rule, toolCall("read_file"))).toBe("allow");
  expect(answerOf(rule, toolCall("read_secrets"))).toBe("block");
  expect(answerOf(rule, toolCall("write_file"))).toBe("block");
});

test("does not let a server borrow a trusted name through the original name of its tool", () => {
  const rule = compileRule(allowlist, { tools: ["search"] });
  expect(answerOf(rule, toolCall("evil_search", {}, { server: "evil", originalName: "search" }))).toBe(
    "block",
  );
  const byServer = compileRule(allowlist, { tools: ["docs/search"] });
  expect(answerOf(byServer, toolCall("docs_search", {}, { server: "docs", originalName: "search" }))).toBe(
    "allow",
  );
});

test("blocks a tool call that names no tool", () => {
  expect(answerOf(compileRule(allowlist, { tools: ["*"] }), contextAt("before_tool_call"))).toBe("block");
});

test("tells the model which tools it may use instead", () => {
  const answer = ask(compileRule(allowlist, { tools: ["search", "sql_run"] }), toolCall("shell"))?.answer;
  expect(answer).toMatchObject({
    reason: 'tool "shell" is not on the allowlist',
    message: 'tool "shell" is not allowed here. Allowed: search, sql_run',
  });
});

test("refuses an empty list and an exclusion of nothing", () => {
  expect(problemsOf(allowlist, { tools: [] })).toStrictEqual(["tools: must list at least one pattern"]);
  expect(problemsOf(allowlist, { tools: ["!"] })).toHaveLength(1);
});
