import { existsSync } from "node:fs";
import path from "node:path";

import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { createScanner } from "@agentplane/safety";

import { createAgentPlane, type AgentPlane, type PolicyDocument, type PriceTable } from "../../src/index.ts";
import { createCel } from "../../src/cel/index.ts";
import { BUILT_IN_RULES } from "../../src/rules/registry.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocksOf, PAGES, readPage, repositoryPath, type MarkdownBlock } from "./markdown-blocks.ts";
import { typeErrorsOf } from "./type-check.ts";

const blocks = PAGES.flatMap((page) => blocksOf(page));

test("every TypeScript block of every page type-checks", { timeout: 60_000 }, async () => {
  const snippets = blocks.filter(({ language }) => language === "ts");
  expect(snippets.length).toBeGreaterThan(20);
  expect(await typeErrorsOf(snippets)).toBe("");
});

test("a mistake in a snippet is found", { timeout: 60_000 }, async () => {
  const code = 'import { rule } from "@agentplane/core";\nrule.rate({ limit: "5", window: "1h" });';
  const found = await typeErrorsOf([{ page: "page.md", line: 1, language: "ts", marker: undefined, code }]);
  expect(found).toContain("page_md-1.ts(2,");
});

test.for(PAGES)("links of %s lead to files of the repository", (page) => {
  const folder = path.dirname(repositoryPath(page));
  const targets = [...readPage(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(
    ([, target = ""]) => target,
  );
  const dead = targets.filter((target) => !/^https?:/.test(target) && !existsSync(path.join(folder, target)));
  expect(dead).toEqual([]);
});

test("every block says what it is in", () => {
  const known = new Set(["ts", "yaml", "python", "sh", "text"]);
  expect(blocks.filter(({ language }) => !known.has(language))).toEqual([]);
});

describe("every YAML block of every page loads", () => {
  const yaml = blocks.filter(({ language, marker }) => language === "yaml" && marker !== "snippet: broken");

  test.for(yaml.map((block) => [`${block.page}:${block.line}`, block] as const))("%s", ([, block]) => {
    const document = documentOf(block);
    expect(() => planeFor().engine.replaceAll("file:page.yaml", document)).not.toThrow();
  });
});

/** A plane that has everything a rule may need. */
function planeFor(): AgentPlane {
  const prices: PriceTable = { costMicroUsd: () => 1 };
  const nothing = { record: () => undefined };
  // Safety has no detector of toxicity, so the fake one stands in for that family.
  const toxicity = createFakeScanner([{ name: "insult", family: "toxicity", texts: ["fool"] }]);
  const real = createScanner();
  return createAgentPlane({
    ports: createTestPorts({
      fetch: () => Promise.resolve({ ok: true, status: 200 }),
      secrets: { ALERT_KEY: "key" },
    }),
    cel: createCel(),
    prices,
    metrics: { counter: () => nothing, histogram: () => nothing },
    scanner: { ...real, detectors: [...real.detectors, ...toxicity.detectors] },
    approvals: { resolver: "external" },
  });
}

/** A block is a whole document, a list of policies, a list of rules, or members of a policy. */
function documentOf({ code }: MarkdownBlock): PolicyDocument {
  const content: unknown = parse(code);
  if (!Array.isArray(content)) {
    const isDocument = typeof content === "object" && content !== null && "apiVersion" in content;
    return isDocument ? (content as PolicyDocument) : inDocument([{ id: "example", ...(content as object) }]);
  }
  const rules = content as readonly { readonly rule?: string }[];
  if (rules.some(({ rule }) => rule === undefined)) return inDocument(content);
  // Each rule in a policy of its own: a list may show two ways to write the same.
  return inDocument(
    rules.map((rule, at) => {
      const kind = BUILT_IN_RULES.find((known) => known.kind === rule.rule);
      return { id: `example-${at}`, [kind?.timing ?? "blocking"]: [rule] };
    }),
  );
}

function inDocument(policies: readonly unknown[]): PolicyDocument {
  // Whatever they are, loading the document checks them.
  return { apiVersion: "agentplane/v1", policies } as PolicyDocument;
}
