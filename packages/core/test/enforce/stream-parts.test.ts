import { describe, expect, it } from "vitest";

import type { StreamCodec } from "../../src/enforce/stream-codec.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { blocking, createBench, modelCall, type BenchOptions } from "../plane/bench.ts";

const SECRET = "key-4711-abcdef";
const scanner = createFakeScanner([{ name: "key", family: "secret", texts: [SECRET] }]);
const benchOf = (options: BenchOptions = {}) => createBench({ scanner, ...options });
const REDACT = blocking("hide", [{ rule: "redact", detect: ["key"], from: ["response"] }]);

interface Part {
  readonly kind: "delta" | "call" | "raw" | "end";
  readonly text: string;
}

const CODEC: StreamCodec<Part> = {
  read: ({ kind, text }) => (kind === "raw" ? undefined : { part: kind, text, isWhole: kind !== "delta" }),
  write: (part, text) => ({ ...part, text }),
  ends: ({ kind }) => (kind === "end" ? "all" : undefined),
  withoutEcho: (chunk) => (chunk.kind === "raw" ? undefined : chunk),
};

const PARTS: readonly Part[] = [
  { kind: "raw", text: SECRET },
  { kind: "delta", text: `say ${SECRET.slice(0, 6)}` },
  { kind: "call", text: JSON.stringify({ key: SECRET }) },
  { kind: "delta", text: SECRET.slice(6) },
  { kind: "end", text: `{"echo":"${SECRET}"}` },
];

async function shown(options: BenchOptions): Promise<readonly Part[]> {
  const { plane } = benchOf(options);
  async function* source(): AsyncGenerator<Part> {
    yield* PARTS;
  }
  const opened = await plane.guard.modelStream({ context: modelCall(), run: source, codec: CODEC });
  if ("status" in opened) throw opened.error;
  const seen: Part[] = [];
  for await (const part of opened) seen.push(part);
  return seen;
}

describe("a chunk that is its part from beginning to end", () => {
  it("leaves whole and redacted, and never in pieces", async () => {
    const seen = await shown({ policies: [REDACT] });
    expect(JSON.stringify(seen)).not.toContain(SECRET);
    const calls = seen.filter(({ kind }) => kind === "call");
    expect(calls).toHaveLength(1);
    expect(JSON.parse(calls[0]?.text ?? "")).toHaveProperty("key");
  });

  it("may end the others: what they hold leaves before it", async () => {
    const seen = await shown({ policies: [REDACT] });
    expect(seen.at(-1)?.kind).toBe("end");
    expect(
      seen
        .filter(({ kind }) => kind === "delta")
        .map(({ text }) => text)
        .join(""),
    ).toMatch(/^say \S+$/);
  });
});

describe("a chunk that repeats the others", () => {
  it("is dropped where something looks at the stream, and passes where nothing does", async () => {
    expect((await shown({ policies: [REDACT] })).some(({ kind }) => kind === "raw")).toBe(false);
    expect(await shown({})).toEqual(PARTS);
  });
});
