import { describe, expect, it } from "vitest";

import { createBench, toolCall } from "../plane/bench.ts";

describe("a kill in the middle of a call", () => {
  const bot = { kind: "agent", id: "bot" } as const;
  const STOP = { by: "olga", reason: "drill" };

  it("fires the call's signal with the error that says why, and blocks the outcome", async () => {
    const bench = createBench();
    let reason: unknown;
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("update")),
      run: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            ({ reason } = signal);
            reject(new Error("aborted"));
          });
          void bench.plane.controls.unplug(bot, STOP);
        }),
    });
    expect(reason).toMatchObject({ code: "policy_blocked", reason: expect.stringContaining("drill") });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
  });

  it("leaves a tool behind that ignores its signal, and discards what it gives later", async () => {
    const bench = createBench();
    let finish: ((value: string) => void) | undefined;
    const running = bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("update")),
      run: () => new Promise<string>((resolve) => (finish = resolve)),
    });
    await bench.plane.controls.unplug(bot, STOP);
    expect(await running).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    finish?.("secret");
    await bench.plane.flush();
    expect(bench.outcomes()).toHaveLength(1);
    expect(JSON.stringify(bench.records)).not.toContain("secret");
  });

  it("leaves a call that may have happened: lifted, the same call does not run again under its id", async () => {
    const bench = createBench();
    const { guard, controls } = bench.plane;
    let runs = 0;
    const call = {
      context: toolCall("update", {}, { callId: "u1" }),
      run: () => {
        runs++;
        return new Promise<never>(() => undefined);
      },
    };
    const running = guard.toolCall(call);
    await controls.unplug(bot, STOP);
    expect(await running).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    await controls.plug(bot, STOP);
    expect(await guard.toolCall(call)).toMatchObject({
      status: "blocked",
      decision: { cause: "already_executed" },
    });
    expect(runs).toBe(1);
  });

  it("of a parent cuts what its children run", async () => {
    const bench = createBench();
    const running = bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search", {}, { agent: "boss" })),
      run: () =>
        bench.plane.guard.toolCall({
          context: bench.plane.guard.context(toolCall("update", {}, { agent: "kid" })),
          run: () => new Promise<never>(() => undefined),
        }),
    });
    await bench.plane.controls.unplug({ kind: "agent", id: "boss" }, STOP);
    expect(await running).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    await bench.plane.flush();
    expect(
      bench
        .outcomes()
        .map(({ identity, outcome }) => [identity.agent, outcome])
        .toSorted(([a], [b]) => ((a ?? "") < (b ?? "") ? -1 : 1)),
    ).toStrictEqual([
      ["boss", "withheld"],
      ["kid", "withheld"],
    ]);
  });

  it("cuts nobody else", async () => {
    const { plane } = createBench();
    const admission = await plane.guard.admit(
      plane.guard.context(toolCall("search", {}, { agent: "other" })),
    );
    if (admission.status !== "admitted") throw new Error("not admitted");
    await plane.controls.unplug(bot, STOP);
    expect(admission.signal.aborted).toBe(false);
    await plane.controls.unplug({ kind: "tool", id: "search" }, STOP);
    expect(admission.signal.aborted).toBe(true);
  });

  it("is seen by a signal that is only asked for afterwards", async () => {
    const { plane } = createBench();
    const admission = await plane.guard.admit(plane.guard.context(toolCall("search")));
    if (admission.status !== "admitted") throw new Error("not admitted");
    await plane.controls.unplug(bot, STOP);
    expect(admission.signal.aborted).toBe(true);
  });

  it("before the result came back withholds a result that was already there", async () => {
    const { plane } = createBench();
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("update")),
      run: () => {
        void plane.controls.unplug(bot, STOP);
        return "secret";
      },
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
  });
});
