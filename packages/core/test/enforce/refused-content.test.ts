import { describe, expect, it, vi } from "vitest";

import { enforce, policyGuard } from "../../src/enforce/wrap.ts";
import { createBench, modelCall, toolCall } from "../plane/bench.ts";

const circular: Record<string, unknown> = {};
circular["self"] = circular;
const refused = { effect: "block", cause: "content_refused" };

describe("content that cannot be read", () => {
  it.each([
    ["circular", circular],
    ["10 MB", { text: "x".repeat(10 * 1024 * 1024) }],
    [
      "a getter that throws",
      Object.defineProperty({}, "x", { enumerable: true, get: () => JSON.parse("{") }),
    ],
  ])("blocks the call, with words for the model and one record: %s", async (_name, input) => {
    const bench = createBench();
    const run = vi.fn<() => never>();
    const outcome = await bench.plane.guard.toolCall({
      context: toolCall("update", input, { callId: "c1" }),
      run,
    });
    expect(outcome).toMatchObject({
      status: "blocked",
      decision: refused,
      message: expect.stringMatching(/^Blocked: .{20}/),
    });
    expect(run).not.toHaveBeenCalled();
    expect(bench.decisions()).toMatchObject([
      { tool: "update", callId: "c1", identity: { agent: "bot", tenant: "acme", session: "s1" } },
    ]);
  });

  it("blocks a model call, a stream, and an action on a target", async () => {
    const bench = createBench();
    const { guard } = bench.plane;
    const model = modelCall({ model: { name: "m", messages: [circular] } });
    const run = vi.fn<() => never>();
    expect(await guard.modelCall({ context: model, run })).toMatchObject({ decision: refused });
    const codec = { read: () => undefined, write: (chunk: string) => chunk };
    expect(await guard.modelStream({ context: model, run, codec })).toMatchObject({ decision: refused });
    const target = {
      hookpoint: "before_handoff",
      agent: "bot",
      target: { name: "helper", input: circular },
    } as const;
    expect(await guard.admit(target)).toMatchObject({ decision: refused });
    expect(await guard.ask(target)).toMatchObject({ ...refused, intent: "ask" });
    expect(run).not.toHaveBeenCalled();
    expect(bench.decisions().map(({ model: name, decision }) => [name, decision.cause])).toStrictEqual([
      ["m", "content_refused"],
      ["m", "content_refused"],
      [undefined, "content_refused"],
      [undefined, "content_refused"],
    ]);
  });

  it("refuses one call of a turn and not the others", async () => {
    const { plane } = createBench();
    const turn = await plane.guard.admitBatch([toolCall("search", circular), toolCall("search", { q: 1 })]);
    expect(turn.map(({ status }) => status)).toStrictEqual(["blocked", "admitted"]);
  });

  it("given to a governed function is a denial like any other", () => {
    const bench = createBench();
    const fn = vi.fn<(input: object) => string>(() => "ran");
    const options = { agent: "bot", tool: "update" };
    expect(() => enforce(bench.plane.guard, fn, options)(circular)).toThrow(
      expect.objectContaining({ code: "policy_blocked" }),
    );
    expect(
      policyGuard(bench.plane.guard, fn, { ...options, onBlock: ({ status }) => status })(circular),
    ).toBe("blocked");
    expect(fn).not.toHaveBeenCalled();
    expect(bench.decisions()).toMatchObject([{ decision: refused }, { decision: refused }]);
  });

  it("runs no hook, which would see a call without its input", async () => {
    const { plane } = createBench();
    const hook = vi.fn<() => void>();
    plane.hooks.on("before_tool_call", hook);
    await plane.guard.admit(toolCall("update", circular));
    expect(hook).not.toHaveBeenCalled();
  });
});
