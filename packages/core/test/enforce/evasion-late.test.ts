import * as z from "zod";
import { describe, expect, it } from "vitest";

import type { RuleAnswer } from "../../src/decision/answer.ts";
import { defineRule, type RuleKind } from "../../src/rules/rule.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createBench, modelCall, toolCall } from "../plane/bench.ts";

const mask = {
  kind: "redact",
  from: ["result", "response"],
  fields: ["ssn"],
  detect: [],
  treatment: "mask",
} as const;

/** A kind that imposes a redaction by its answer, at the call alone. */
const imposing: RuleKind = defineRule({
  kind: "imposing",
  summary: "Imposes a redaction before the call.",
  timing: "blocking",
  hookpoints: ["before_tool_call", "before_model_call"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({ check: (): RuleAnswer => ({ obligations: [mask] }) }),
});

/** A kind that makes every decision wait. */
const waiting: RuleKind = defineRule({
  kind: "waiting",
  summary: "Has no opinion, after a while.",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({}),
  example: {},
  isStateless: false,
  compile: () => ({ check: () => Promise.resolve(undefined) }),
});

interface Chunk {
  readonly text: string;
}
const codec = {
  read: ({ text }: Chunk) => ({ part: "text", text }),
  write: (chunk: Chunk, text: string): Chunk => ({ ...chunk, text }),
};

describe("a redaction imposed before the call, with no rule after it", () => {
  const imposed = () =>
    createBench({ rules: [imposing], policies: [{ id: "p", blocking: [{ rule: "imposing" }] }] });

  it("holds for the result", async () => {
    const { plane } = imposed();
    const outcome = await plane.guard.toolCall({ context: toolCall("search"), run: () => ({ ssn: "123" }) });
    expect(outcome).toMatchObject({ status: "ran", result: { ssn: "[REDACTED]" } });
  });

  it("holds for the stream", async () => {
    const { plane } = imposed();
    const stream = await plane.guard.modelStream<Chunk>({
      context: modelCall(),
      async *run() {
        yield { text: '{"ssn":' };
        yield { text: '"123"}' };
      },
      codec,
    });
    let shown = "";
    if (!("status" in stream)) for await (const { text } of stream) shown += text;
    expect(shown).not.toContain("123");
    expect(JSON.parse(shown)).toEqual({ ssn: "[REDACTED]" });
  });
});

describe("a stream that is a generator", () => {
  it("keeps the lineage of what it calls between its chunks", async () => {
    const { plane } = createBench();
    const seen: unknown[] = [];
    const stream = await plane.guard.modelStream<Chunk>({
      context: modelCall(),
      async *run() {
        yield { text: "a" };
        seen.push(plane.guard.context({ ...toolCall("search"), agent: "child" }).agent.ancestors);
      },
      codec,
    });
    if (!("status" in stream)) for await (const { text } of stream) seen.push(text);
    expect(seen).toEqual(["a", ["bot"]]);
  });

  it("is not opened after a kill", async () => {
    const { plane } = createBench();
    let opened = 0;
    const stream = await plane.guard.modelStream<Chunk>({
      context: modelCall(),
      async *run() {
        opened++;
        yield { text: "a" };
      },
      codec,
    });
    void plane.controls.unplug({ kind: "all" }, { reason: "stop", by: "ops" });
    const read = async () => {
      const chunks: Chunk[] = [];
      if (!("status" in stream)) for await (const chunk of stream) chunks.push(chunk);
      return chunks;
    };
    await expect(read()).rejects.toMatchObject({ code: "policy_blocked" });
    expect(opened).toBe(0);
  });
});

describe("what the history says late", () => {
  it("opens an approval as it would in time", async () => {
    const { plane } = createBench({
      rules: [waiting],
      approvals: { resolver: "external" },
      policies: [
        {
          id: "p",
          blocking: [{ rule: "waiting" }, rule.loop({ maxRepeats: 1, onBreach: "escalate" })],
        },
      ],
    });
    const run = () => plane.guard.toolCall({ context: toolCall("update", { a: 1 }), run: () => "ran" });
    const outcomes = await Promise.all([run(), run()]);
    expect(outcomes.map(({ status }) => status)).toEqual(["ran", "pending"]);
  });
});

describe("a nested agent", () => {
  it("acts for its parent's tenant, and for no other", async () => {
    const { plane } = createBench();
    let inherited: unknown;
    let other: unknown;
    await plane.guard.toolCall({
      context: toolCall("search"),
      run: async () => {
        inherited = plane.guard.context({
          hookpoint: "before_tool_call",
          agent: "child",
          tool: "search",
        }).tenant;
        other = await plane.guard.ask({ ...toolCall("search"), agent: "child", tenant: "evil" });
      },
    });
    expect(inherited).toBe("acme");
    expect(other).toMatchObject({ effect: "block", cause: "lineage_missing" });
  });
});

describe("an error under redaction", () => {
  const thrown = async (error: unknown): Promise<unknown> => {
    const { plane } = createBench({ policies: [{ id: "p", blocking: [rule.redact({ fields: ["ssn"] })] }] });
    try {
      return await plane.guard.toolCall({
        context: toolCall("search"),
        run: () => {
          throw error;
        },
      });
    } catch (caught) {
      return caught;
    }
  };

  it("stays the call's error when its members are a circle, with its words alone", async () => {
    const error: Error & { self?: unknown } = new Error("request failed");
    error.self = error;
    const caught = await thrown(error);
    expect(caught).toBeInstanceOf(Error);
    expect(caught).not.toBe(error);
    expect(caught).toMatchObject({ message: "Error: request failed" });
    expect(caught).not.toHaveProperty("self");
  });

  it("does not carry what is hidden in its name", async () => {
    const error = Object.assign(new Error("failed"), { ssn: "123", name: "ssn 123" });
    expect(String(await thrown(error))).toBe("Error: failed");
  });
});
