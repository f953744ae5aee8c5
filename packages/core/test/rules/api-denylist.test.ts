import { expect, test } from "vitest";

import { apiDenylist } from "../../src/rules/api-denylist.ts";
import { answerOf, compileRule, contextAt, toolCall } from "./compile-rule.ts";

const rule = compileRule(apiDenylist, { rules: [{ paths: ["/admin/*"] }, { methods: ["DELETE"] }] });
const traits = { api: { method: "GET", url: "$.url" } };

function get(url: string): string {
  return answerOf(rule, toolCall("http", { url }), { traits });
}

test("blocks a call that one entry matches and says nothing of others", () => {
  expect(get("https://api.example.com/admin/users")).toBe("block");
  expect(get("https://api.example.com/reports")).toBe("skip");
  const api = { method: "DELETE", host: "h.test", path: "/x", scheme: "https" };
  expect(answerOf(rule, contextAt("before_tool_call", { tool: { name: "http" }, api }))).toBe("block");
});

test.for([
  "https://h.test/Admin/x",
  "https://h.test//admin/x",
  "https://h.test/api/../admin/x",
  "https://h.test/%61dmin/x",
  "https://h.test/./admin/x",
  "https://h.test/admin",
  "https://h.test/admin/",
  "https://h.test/admin;session=1/x",
  "https://h.test/%2561dmin/x",
  "https://h.test/x%2f..%2fadmin/x",
])("api_rules_normalise_paths: %s", (url) => {
  expect(get(url)).toBe("block");
});

test("skips a tool that is mapped to no HTTP call, and blocks a mapped one whose URL cannot be judged", () => {
  expect(answerOf(rule, toolCall("calculator"))).toBe("skip");
  expect(answerOf(rule, toolCall("http", {}), { traits })).toBe("block");
  expect(get("https://user@h.test/reports")).toBe("block");
});

test("never grants: an exclusion only says nothing", () => {
  const open = compileRule(apiDenylist, { rules: [{ paths: ["/admin/*", "!/admin/health"] }] });
  expect(answerOf(open, toolCall("http", { url: "https://h.test/admin/health" }), { traits })).toBe("skip");
  expect(answerOf(open, toolCall("http", { url: "https://h.test/Admin/Health" }), { traits })).toBe("block");
});

test("does not judge a second time when the result is there", () => {
  const api = { method: "DELETE", host: "h.test", path: "/x", scheme: "https" };
  expect(answerOf(rule, contextAt("after_tool_call", { tool: { name: "http" }, api }))).toBe("skip");
});
