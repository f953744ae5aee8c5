import { describe, expect, it } from "vitest";

import { createContext, type ContextInit } from "../../src/context/create-context.ts";
import type { Admission } from "../../src/enforce/admission.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { openStream, type Chunk } from "./streams.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const PER_RUN = blocking("run", [rule.rate({ limit: 2, window: "1h", per: "run" })]);

describe("an agent inside a governed call", () => {
  it.each<[string, ContextInit["agent"], object]>([
    ["without a run", "helper", { id: "helper", runId: "r1", ancestors: ["boss"] }],
    [
      "with a run of its own",
      { id: "helper", runId: "own" },
      { id: "helper", runId: "r1", ancestors: ["boss"] },
    ],
    [
      "with ancestors and no run",
      { id: "helper", ancestors: ["boss"] },
      { id: "helper", runId: "r1", ancestors: ["boss"] },
    ],
    [
      "with both",
      { id: "helper", runId: "own", ancestors: ["boss"] },
      { id: "helper", runId: "r1", ancestors: ["boss"] },
    ],
    ["that is the same", { id: "boss", runId: "own" }, { id: "boss", runId: "r1", ancestors: [] }],
  ])("counts into its parent's run: %s", async (_name, agent, expected) => {
    const { plane } = createBench();
    const outcome = await plane.guard.toolCall({
      context: toolCall("search", {}, { agent: { id: "boss", runId: "r1" } }),
      run: () => plane.guard.context(toolCall("search", {}, { agent })).agent,
    });
    expect(outcome).toMatchObject({ status: "ran", result: expected });
  });

  it.each([
    ["named", "r1"],
    ["without a name", undefined],
  ])("cannot escape a limit per run by naming another run; its parent's is %s", async (_name, runId) => {
    const { plane } = createBench({ policies: [PER_RUN] });
    const { guard } = plane;
    const agent = { id: "helper", runId: "own", ancestors: ["boss"] };
    const child = toolCall("search", {}, { agent });
    const outcome = await guard.toolCall({
      context: toolCall("search", {}, { agent: { id: "boss", runId } }),
      run: async () => [await guard.admit(child), await guard.admit(createContext(child, 0))],
    });
    expect(outcome).toMatchObject({
      result: [{ status: "admitted" }, { status: "blocked", decision: { policyId: "run" } }],
    });
  });

  it("that leaves its parent out of its ancestors is refused", async () => {
    const { plane } = createBench();
    const outcome = await plane.guard.toolCall({
      context: toolCall("search", {}, { agent: "boss" }),
      run: () => plane.guard.admit(toolCall("update", {}, { agent: { id: "helper", ancestors: ["other"] } })),
    });
    expect(outcome).toMatchObject({ result: { status: "blocked", decision: { cause: "lineage_missing" } } });
  });
});

describe("whether code is nested", () => {
  it("is told inside a governed call, also of the same agent and in the values of a generator, and nowhere else", async () => {
    const { plane } = createBench();
    const { guard } = plane;
    const seen: boolean[] = [guard.isNested()];
    const look = async (): Promise<void> => {
      await Promise.resolve();
      seen.push(guard.isNested());
    };
    await guard.toolCall({ context: toolCall("search", {}), run: look });
    const begun = await guard.toolRun({
      context: toolCall("search", {}),
      async *run() {
        await look();
        yield 1;
      },
    });
    if (begun.status === "running") await begun.values[Symbol.asyncIterator]().next();
    seen.push(guard.isNested());
    expect(seen).toEqual([false, true, true, false]);
  });

  it("is told of one call, while it goes on", async () => {
    const { guard } = createBench().plane;
    const seen: boolean[] = [];
    let outer: Admission | undefined;
    await guard.toolCall({
      context: toolCall("search", {}),
      async run(admission) {
        outer = admission;
        seen.push(guard.isNested(admission));
        const inner = toolCall("search", { inner: true });
        await guard.toolCall({ context: inner, run: () => void seen.push(guard.isNested(admission)) });
        seen.push(createBench().plane.guard.isNested(admission));
      },
    });
    expect(outer && guard.isNested(outer)).toBe(false);
    expect(seen).toEqual([true, false, false]);
    // @ts-expect-error -- no admission of any guard
    expect(() => guard.isNested({})).toThrow("not an admission");
  });

  it("is told wherever a tool or a model that gives values runs: when it is opened, read and closed", async () => {
    const bench = createBench();
    const { guard } = bench.plane;
    const seen: string[] = [];
    const look = (where: string): void => void seen.push(`${where} ${guard.isNested()}`);
    const source = (): AsyncIterable<Chunk> => ({
      [Symbol.asyncIterator]() {
        look("opened");
        return {
          async next() {
            look("read");
            return { done: false, value: { text: "a" } };
          },
          async return() {
            look("closed");
            return { done: true, value: undefined };
          },
        };
      },
    });
    const begun = await guard.toolRun({ context: toolCall("search"), run: source });
    const shown = begun.status === "running" ? begun.values : [];
    for (const given of [shown, await openStream(bench, source)])
      for await (const value of given) {
        expect(value).toEqual({ text: "a" });
        break;
      }
    const once = ["opened true", "read true", "closed true"];
    expect(seen).toEqual([...once, ...once]);
    expect(guard.isNested()).toBe(false);
  });
});
