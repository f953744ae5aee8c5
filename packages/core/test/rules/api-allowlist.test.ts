import { expect, test } from "vitest";

import type { ApiCall } from "../../src/context/context.ts";
import { apiAllowlist } from "../../src/rules/api-allowlist.ts";
import { answerOf, compileRule, contextAt, problemsOf, toolCall } from "./compile-rule.ts";

const rule = compileRule(apiAllowlist, {
  rules: [{ methods: ["get"], hosts: ["API.example.com"], paths: ["/reports/*", "!/reports/private/*"] }],
});
const traits = { api: { method: "GET", url: "$.url" } };

function call(path: string, rest: Partial<ApiCall> = {}): string {
  const api = { method: "GET", host: "api.example.com", path, scheme: "https", ...rest };
  return answerOf(rule, contextAt("before_tool_call", { tool: { name: "http" }, api }));
}

test("allows a call that one entry matches in every dimension, and blocks all others", () => {
  expect(call("/reports/2026")).toBe("allow");
  expect(call("/reports/2026", { method: "POST" })).toBe("block");
  expect(call("/reports/2026", { host: "api.example.com.evil.test" })).toBe("block");
  expect(call("/users/1")).toBe("block");
});

test("compares allowed paths exactly and their exclusions widely", () => {
  expect(call("/Reports/2026")).toBe("block");
  expect(call("/reports/Private/1")).toBe("block");
});

test("blocks a tool of which no HTTP call is known, and says nothing where no tool is called", () => {
  expect(answerOf(rule, toolCall("http"))).toBe("block");
  expect(answerOf(rule, contextAt("before_model_call"))).toBe("skip");
});

test("finds the call of a mapped tool in its input", () => {
  const ask = (url: string) => answerOf(rule, toolCall("http", { url }), { traits });
  expect(ask("https://api.example.com/reports/2026?x=1")).toBe("allow");
  expect(ask("https://api.example.com/reports/../users")).toBe("block");
  expect(ask("https://api.example.com\\@evil.test/reports/1")).toBe("block");
  expect(answerOf(rule, toolCall("http", {}), { traits })).toBe("block");
});

test("refuses an entry that matches everything, and a path that is none", () => {
  expect(problemsOf(apiAllowlist, { rules: [{}] })).toStrictEqual(["rules.0: matches every call"]);
  expect(problemsOf(apiAllowlist, { rules: [{ paths: ["reports"] }] })).toStrictEqual([
    'rules.0.paths: must be paths that start with "/"',
  ]);
});

test("allows the default port alone, unless a host names another or every one", () => {
  const allows = (host: string, url: string) =>
    answerOf(compileRule(apiAllowlist, { rules: [{ hosts: [host] }] }), toolCall("http", { url }), {
      traits,
    });
  expect(allows("api.example.com", "https://api.example.com:443/x")).toBe("allow");
  expect(allows("api.example.com", "http://api.example.com/x")).toBe("allow");
  expect(allows("api.example.com", "https://api.example.com:8443/x")).toBe("block");
  expect(allows("*.example.com", "https://api.example.com:22/x")).toBe("block");
  expect(allows("api.example.com:8443", "https://api.example.com:8443/x")).toBe("allow");
  expect(allows("api.example.com:8443", "https://api.example.com/x")).toBe("block");
  expect(allows("api.example.com:443", "https://api.example.com/x")).toBe("allow");
  expect(allows("api.example.com:443", "http://api.example.com/x")).toBe("block");
  expect(allows("localhost:*", "http://localhost:3000/x")).toBe("allow");
  expect(allows("localhost:*", "http://localhost/x")).toBe("allow");
});

test("an exclusion of a host means all its ports", () => {
  const open = compileRule(apiAllowlist, { rules: [{ hosts: ["*.example.com:*", "!db.example.com"] }] });
  const ask = (url: string) => answerOf(open, toolCall("http", { url }), { traits });
  expect(ask("https://api.example.com:8443/x")).toBe("allow");
  expect(ask("https://db.example.com/x")).toBe("block");
  expect(ask("https://db.example.com:5432/x")).toBe("block");
});
