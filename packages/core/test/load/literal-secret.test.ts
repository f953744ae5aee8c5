import { describe, expect, test } from "vitest";

import type { JsonValue } from "../../src/base/json.ts";
import { IssueList } from "../../src/load/issue-list.ts";
import { looksLikeSecret, refuseLiteralSecrets } from "../../src/load/literal-secret.ts";

const fill = (length: number): string => "aB3".repeat(length).slice(0, length);

function isRefused(value: JsonValue): boolean {
  const issues = new IssueList();
  refuseLiteralSecrets(value, issues);
  return !issues.isEmpty;
}

describe("a literal secret", () => {
  // Put together here, so that no scanner of this repository takes a fixture for a leak.
  const shapes = {
    openai: ["sk", fill(32)].join("-"),
    stripe: ["sk", "live", fill(24)].join("_"),
    github: ["ghp", fill(36)].join("_"),
    "github fine-grained": ["github", "pat", fill(60)].join("_"),
    gitlab: ["glpat", fill(20)].join("-"),
    slack: ["xoxb", "1234567890", fill(20)].join("-"),
    "slack webhook": ["https://hooks.slack.com", "services", "T0AAAAAAA", "B0AAAAAAA", fill(24)].join("/"),
    aws: `AKIA${"ABCD1234".repeat(2)}`,
    google: `AIza${fill(35)}`,
    npm: ["npm", fill(36)].join("_"),
    jwt: [`eyJ${fill(20)}`, `eyJ${fill(30)}`, fill(20)].join("."),
    "private key": ["-----BEGIN", "RSA PRIVATE KEY-----"].join(" "),
    "in an address": `https://alerts.example.com/hook?team=a&access_token=${fill(12)}`,
    bearer: ["Bearer", fill(30)].join(" "),
  };

  test.each(Object.entries(shapes))("of the shape %s is found anywhere in a text", (_name, secret) => {
    expect(looksLikeSecret(secret)).toBe(true);
    expect(isRefused({ description: `use ${secret} here` })).toBe(true);
    expect(isRefused({ blocking: [{ where: { input: { header: secret } } }] })).toBe(true);
  });

  test.each([
    "secret",
    "token",
    "password",
    "key",
    "apiKey",
    "api_key",
    "signingKey",
    "webhookSecret",
    "Authorization",
  ])("in a field named %s is found whatever it looks like", (field) => {
    expect(isRefused({ nonBlocking: [{ [field]: "hunter2" }] })).toBe(true);
    expect(isRefused({ nonBlocking: [{ [field]: { env: "NAME" } }] })).toBe(false);
  });

  test("is not seen in names of arguments and tags, nor in a path", () => {
    expect(isRefused({ where: { input: { key: "a", token: { glob: "b*" } } } })).toBe(false);
    expect(isRefused({ selector: { tags: { key: "a" } }, key: "$.orderId" })).toBe(false);
  });

  test("is not seen in ordinary words", () => {
    for (const text of [
      "task-list",
      "sk-8",
      "before_tool_call",
      "npm_install",
      "https://example.com/list?sort=key&monkey=banana-split",
      "risk-assessment-for-all-the-agents",
    ]) {
      expect(looksLikeSecret(text)).toBe(false);
    }
    expect(isRefused({ monkey: "a", keys: "b", tokenBudget: "c" })).toBe(false);
  });

  test("is named by its place and never repeated", () => {
    const issues = new IssueList();
    refuseLiteralSecrets({ nonBlocking: [{ secret: "hunter2" }] }, issues);
    expect(() => issues.throwIfAny("x")).toThrow(/nonBlocking\[0\]\.secret: .*\{ env: NAME \}/);
    expect(() => issues.throwIfAny("x")).not.toThrow(/hunter2/);
  });
});
