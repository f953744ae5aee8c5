import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { BUILT_IN_RULES } from "../../src/rules/registry.ts";
import { blocksOf, readPage } from "./markdown-blocks.ts";

const PAGE = "docs/from-python.md";
const TESTS = ["from-python", "from-python-behaviour", "from-python-rules"]
  .map((name) => readFileSync(new URL(`${name}.test.ts`, import.meta.url), "utf8"))
  .join("\n");

/** The rows of the tables that end in a test's name. */
const rows = readPage(PAGE)
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

/** Every rule the original's page names. */
const NAMED_RULES = [
  "AllowlistRule",
  "DenylistRule",
  "RedactRule",
  "RateRule",
  "RequireTenantRule",
  "TokenBudgetRule",
  "CostBudgetRule",
  "ApiAllowlistRule",
  "ApiDenylistRule",
  "InjectionScanRule",
  "AuditRule",
  "AlertRule",
  "CostTrackingRule",
  "MetricsRule",
  "PIIScanRule",
];

describe("docs/from-python.md", () => {
  const named = rows.map((cells) => cells.at(-2) ?? "").filter((cell) => /^[A-Z][\w -]*: /.test(cell));

  test.for(named)("names a test that exists: %s", (name) => {
    expect(TESTS).toContain(`"${name}`);
  });

  test.for(NAMED_RULES)("maps %s to a kind that exists and to a test of its own", (name) => {
    const row = rows.find((cells) => cells[1] === name);
    const kind = /^`rule\.(\w+)`$/.exec(row?.[2] ?? "")?.[1];
    expect(BUILT_IN_RULES.map((rule) => rule.kind)).toContain(kind);
    expect(row?.[4]).toMatch(new RegExp(`^${name}: `));
  });

  test("names every kind of ours, beside the original's or as one more", () => {
    const page = readPage(PAGE);
    const more = /More kinds that the page does not have: ([^.]+)\./.exec(page)?.[1] ?? "";
    const kinds = new Set([...page.matchAll(/\| `rule\.(\w+)`/g)].map(([, kind]) => kind));
    for (const kind of more.split(/,\s+/)) kinds.add(kind);
    expect(BUILT_IN_RULES.map(({ kind }) => kind).filter((kind) => !kinds.has(kind))).toEqual([]);
  });

  test("has a snippet of ours for every one of the original", () => {
    const languages = blocksOf(PAGE).map(({ language }) => language);
    const next = languages.flatMap((language, at) => (language === "python" ? [languages[at + 1]] : []));
    expect(next).toEqual(["ts", "ts", "ts"]);
  });

  test("has no snippet that no test runs", () => {
    const ids = blocksOf(PAGE)
      .filter(({ language }) => language === "ts")
      .map(({ marker }) => marker?.replace("snippet: ", ""));
    for (const id of ids) expect(TESTS).toContain(`"${id}"`);
  });
});
