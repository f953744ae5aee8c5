import { expect, test } from "vitest";

import { renderRuleReference } from "../../scripts/rule-reference.ts";
import { BUILT_IN_RULES } from "../../src/rules/registry.ts";
import { readPage } from "./markdown-blocks.ts";

test("docs/rules.md is what the registry says", () => {
  // Red? Run: node --conditions=agentplane-source packages/core/scripts/write-rule-reference.ts
  expect(readPage("docs/rules.md")).toBe(renderRuleReference());
});

test.for(BUILT_IN_RULES.map(({ kind }) => kind))("docs/rules.md has a section for %s", (kind) => {
  expect(renderRuleReference()).toContain(`\n### ${kind}\n`);
});

test("the README names every kind in the table of its timing", () => {
  const [, blocking = "", nonBlocking = ""] =
    /\n## Rules\n(?:[^]*?\| blocking)([^]*?)\| non-blocking([^]*?)\n## /.exec(readPage("README.md")) ?? [];
  const tables = { blocking, nonBlocking };
  const missing = BUILT_IN_RULES.filter(({ timing, kind }) => !tables[timing].includes(`\`${kind}\``));
  expect(missing.map(({ kind }) => kind)).toEqual([]);
});
