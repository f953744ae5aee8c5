import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const IMPORT = /^(?:import|export) (?!type )[^;]*?from "([^"]+)";/gms;

function runtimeImports(file: string, seen = new Set<string>()): Set<string> {
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(IMPORT)) {
    if (seen.has(name)) continue;
    if (!name.startsWith(".")) {
      seen.add(name);
      continue;
    }
    const path = join(dirname(file), name);
    if (seen.has(path)) continue;
    seen.add(path);
    runtimeImports(path, seen);
  }
  return seen;
}

describe("the entry for LangGraph", () => {
  it("does not need langchain", () => {
    const all = runtimeImports(join(import.meta.dirname, "../../src/langgraph.ts"));
    expect(all.has("@langchain/core/messages")).toBe(true);
    expect([...all].filter((name) => name === "langchain" || name.startsWith("langchain/"))).toEqual([]);
    expect(runtimeImports(join(import.meta.dirname, "../../src/index.ts")).has("langchain")).toBe(true);
  });
});
