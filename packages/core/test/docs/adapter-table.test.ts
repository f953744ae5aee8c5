import path from "node:path";

import { expect, test } from "vitest";

import { readAdapters, renderAdapterTable } from "../../scripts/adapter-table.ts";
import { REPOSITORY } from "../architecture/source-files.ts";
import { readPage } from "./markdown-blocks.ts";

test("docs/adapters.md is what the adapters' tests say", async () => {
  // Red? Run: node --conditions=agentplane-source packages/core/scripts/write-adapter-table.ts
  const adapters = await readAdapters(path.join(REPOSITORY, "packages"));
  expect(adapters.map(({ name }) => name)).toContain("LangChain createAgent");
  expect(readPage("docs/adapters.md")).toBe(renderAdapterTable(adapters));
});

test("a requirement that an adapter skips is a no with its reason", () => {
  const skips = { "block.stream": "it does not stream" };
  const page = renderAdapterTable([{ package: "@agentplane/mine", name: "Mine", skips }]);
  expect(page.match(/\*\*no\*\*/g)).toHaveLength(1);
  expect(page).toContain("- **block.stream** is not met: it does not stream.");
});
