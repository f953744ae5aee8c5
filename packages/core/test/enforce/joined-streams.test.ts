import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall } from "../plane/bench.ts";
import { openStream, readAll, streamOf, type Chunk } from "./streams.ts";

const POLICY = blocking("b", [rule.rate({ limit: 5, window: "1h", per: "agent" })]);

describe("a stream that joins the call around it", () => {
  it("runs as a part of that call", async () => {
    const bench = createBench({ policies: [POLICY] });
    const outcome = await bench.plane.guard.modelCall({
      context: modelCall({ callId: "c" }),
      run: async () =>
        (await readAll(await openStream(bench, () => streamOf(["one"]), { callId: "c" }))).text,
    });
    expect(outcome).toMatchObject({ status: "ran", result: "one" });
    expect(bench.outcomes()).toHaveLength(1);
  });

  it("does not begin after that call has ended: nobody would judge it", async () => {
    const bench = createBench({ policies: [POLICY] });
    let calls = 0;
    let kept: AsyncIterable<Chunk> | undefined;
    await bench.plane.guard.modelCall({
      context: modelCall({ callId: "c" }),
      run: async () => {
        kept = await openStream(
          bench,
          () => {
            calls++;
            return streamOf(["one"]);
          },
          { callId: "c" },
        );
        return "later";
      },
    });
    await bench.plane.controls.unplug({ kind: "agent", id: "bot" }, { by: "mira", reason: "strange" });
    const { chunks, error } = await readAll(kept!);
    expect(chunks).toStrictEqual([]);
    expect(error).toMatchObject({ code: "usage_invalid" });
    expect(calls).toBe(0);
  });

  it("does not go on after that call has ended", async () => {
    const bench = createBench({ policies: [POLICY] });
    let kept: AsyncIterator<Chunk> | undefined;
    let isClosed = false;
    await bench.plane.guard.modelCall({
      context: modelCall({ callId: "c" }),
      run: async () => {
        const opened = await openStream(
          bench,
          async function* chunks() {
            try {
              yield* streamOf(["one", "two"]);
            } finally {
              isClosed = true;
            }
          },
          { callId: "c" },
        );
        kept = opened[Symbol.asyncIterator]();
        return (await kept.next()).done;
      },
    });
    await expect(kept!.next()).rejects.toMatchObject({ code: "usage_invalid" });
    await expect.poll(() => isClosed).toBe(true);
  });
});
