import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { blockOf, repositoryPath } from "./markdown-blocks.ts";
import { runSnippet } from "./run-snippet.ts";

describe("the README's first block", () => {
  test("blocks, and the function never runs", async () => {
    const lines: unknown[][] = [];
    const globals = { console: { log: (...line: unknown[]) => lines.push(line) } };
    await expect(runSnippet("README.md", "first-block", { globals })).rejects.toMatchObject({
      name: "PolicyBlocked",
      policyId: "no-deletes",
    });
    expect(lines).toEqual([]);
  });

  test("says the error as it is", async () => {
    const { code } = blockOf("README.md", "snippet: first-block");
    const promised = /\/\/ throws PolicyBlocked: (.+?)…?$/m.exec(code)?.[1] ?? "nothing";
    await expect(runSnippet("README.md", "first-block", { globals: { console } })).rejects.toThrow(
      promised.trim(),
    );
  });

  test("is the example that the README names", () => {
    const { code } = blockOf("README.md", "snippet: first-block");
    const example = readFileSync(repositoryPath("examples/first-block/src/first-block.ts"), "utf8");
    expect(example.trim()).toBe(code.trim());
  });

  test("takes at most ten lines", () => {
    const { code } = blockOf("README.md", "snippet: first-block");
    expect(code.split("\n").filter((line) => line.trim() !== "").length).toBeLessThanOrEqual(10);
  });
});

test("the README's transcript names steps that the quickstart shows", () => {
  const markers: unknown = JSON.parse(
    readFileSync(repositoryPath("examples/quickstart/markers.json"), "utf8"),
  );
  const shown = [...blockOf("README.md", "output: quickstart").code.matchAll(/shown: [\w-]+/g)].map(
    ([line]) => line,
  );
  expect(shown.length).toBeGreaterThan(5);
  expect(markers).toEqual(expect.arrayContaining(shown));
});
