import { describe, expect, it } from "vitest";

import { createSteadyClock } from "../../src/base/ports.ts";
import type { PolicyContext } from "../../src/context/context.ts";
import { createContext } from "../../src/context/create-context.ts";
import type { Outcome } from "../../src/enforce/outcome.ts";
import { HookRegistry } from "../../src/hooks/hook-registry.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { memoryState, type MemoryState } from "../../src/store/memory-state.ts";
import type { StateStore } from "../../src/store/state-store.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { laterState } from "../plane/later-state.ts";
import { atOnceState } from "../store/at-once-state.ts";
import { blocking, createBench, toolCall, type Bench } from "../plane/bench.ts";
import { LIMIT, takenOf } from "./limited-calls.ts";

function contextOf({ plane }: Bench): PolicyContext {
  return plane.guard.context(toolCall("search", { q: 1 }, { callId: "c1" }));
}

/** Runs work inside an admission of the call, as an outer layer of an adapter does. */
async function inside<R>(bench: Bench, run: () => Promise<R>): Promise<R> {
  const outcome = await bench.plane.guard.toolCall({ context: contextOf(bench), run });
  if (outcome.status !== "ran") throw outcome.error;
  return outcome.result;
}

async function inner<R>(bench: Bench, run: () => R | Promise<R>): Promise<Outcome<R>> {
  return bench.plane.guard.toolCall({ context: contextOf(bench), run });
}

const blockedAs = (cause: string) => ({ status: "blocked", decision: { cause } });

/** However the store is asked: it answers at once, step by step or in one, or later. */
const STORES: readonly (readonly [string, (state: MemoryState) => StateStore])[] = [
  ["in memory", (state) => state],
  ["in one step", atOnceState],
  ["step by step, later", laterState],
  ["in one step, later", (state) => laterState(atOnceState(state))],
];

describe.each(STORES)("the same call run again inside its own admission, %s", (_how, storeOf) => {
  const limited = async (): Promise<Bench> => {
    const ports = createTestPorts();
    const state = storeOf(memoryState({ clock: createSteadyClock(ports.clock) }));
    const bench = createBench({ policies: [LIMIT], state, sharedPorts: ports });
    await bench.plane.ready();
    return bench;
  };

  it("does not run again once it ran: one admission is one execution", async () => {
    const bench = await limited();
    let runs = 0;
    const outcomes = await inside(bench, async () => {
      const first = await inner(bench, () => ++runs);
      return [first, await inner(bench, () => ++runs), await inner(bench, () => ++runs)];
    });
    expect(outcomes).toMatchObject([
      { status: "ran", result: 1 },
      blockedAs("already_executed"),
      blockedAs("already_executed"),
    ]);
    expect(runs).toBe(1);
    expect(await takenOf(bench)).toBe(1);
    expect(bench.decisions().map(({ decision }) => decision.cause)).toStrictEqual([
      "default",
      "already_executed",
      "already_executed",
    ]);
  });

  it("runs once of several at a time", async () => {
    const bench = await limited();
    let runs = 0;
    const outcomes = await inside(bench, async () =>
      Promise.all(
        Array.from({ length: 5 }, async () =>
          inner(bench, async () => {
            runs++;
            await Promise.resolve();
          }),
        ),
      ),
    );
    expect(runs).toBe(1);
    expect(outcomes.slice(1)).toMatchObject(Array.from({ length: 4 }, () => blockedAs("in_flight")));
  });

  it("after a failure is an attempt of its own, with a slot of its own", async () => {
    const bench = await limited();
    let runs = 0;
    const failing = (): never => {
      runs++;
      throw new Error("lost");
    };
    await inside(bench, async () => {
      for (let attempt = 0; attempt < 3; attempt++)
        // oxlint-disable-next-line no-await-in-loop -- one retry after the other
        await expect(inner(bench, failing)).rejects.toThrow("lost");
      expect(await inner(bench, failing)).toMatchObject({
        status: "blocked",
        decision: { policyId: "limits" },
      });
      // Nothing ran of the one that was refused: it may be tried again, and is asked again.
      expect(await inner(bench, failing)).toMatchObject({
        status: "blocked",
        decision: { policyId: "limits" },
      });
    });
    expect(runs).toBe(3);
    expect(await takenOf(bench)).toBe(3);
    expect(bench.decisions().map(({ attempt }) => attempt)).toStrictEqual([1, 2, 3, 4, 4]);
  });

  it("after a failure may succeed, and then is over", async () => {
    const bench = await limited();
    const outcomes = await inside(bench, async () => {
      await expect(inner(bench, () => Promise.reject(new Error("lost")))).rejects.toThrow("lost");
      expect(await bench.plane.guard.ask(contextOf(bench))).toMatchObject({ effect: "allow" });
      const second = await inner(bench, () => 2);
      expect(await bench.plane.guard.ask(contextOf(bench))).toMatchObject({ cause: "already_executed" });
      return [second, await inner(bench, () => 3)];
    });
    expect(outcomes).toMatchObject([{ status: "ran", result: 2 }, blockedAs("already_executed")]);
    expect(await takenOf(bench)).toBe(2);
  });

  it("in a later attempt of the outer call starts anew", async () => {
    const bench = await limited();
    const twice = async (): Promise<Outcome<number>> => {
      await expect(inner(bench, () => Promise.reject(new Error("lost")))).rejects.toThrow("lost");
      return inner(bench, () => 1);
    };
    await expect(
      inside(bench, async () => {
        expect(await twice()).toMatchObject({ status: "ran" });
        throw new Error("outer");
      }),
    ).rejects.toThrow("outer");
    expect(await inside(bench, async () => inner(bench, () => 1))).toMatchObject({ status: "ran" });
    expect(await takenOf(bench)).toBe(3);
  });

  it("is a retry too where the failure is a value", async () => {
    const bench = await limited();
    await inside(bench, async () => {
      const call = { context: contextOf(bench), run: () => "no", isError: () => true };
      expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran" });
      expect(await bench.plane.guard.toolCall(call)).toMatchObject({ status: "ran" });
    });
    expect(await takenOf(bench)).toBe(2);
  });

  it("may come again where it never started or was interrupted", async () => {
    const bench = await limited();
    const interrupt = new Error("interrupt");
    await inside(bench, async () => {
      const given = await bench.plane.guard.admit(contextOf(bench));
      if (given.status !== "admitted") throw given.error;
      await bench.plane.guard.release(given);
      const interrupted = async (): Promise<unknown> =>
        bench.plane.guard.toolCall({
          context: contextOf(bench),
          run: () => Promise.reject(interrupt),
          isControlFlow: (error) => error === interrupt,
        });
      await expect(interrupted()).rejects.toBe(interrupt);
      expect(await inner(bench, () => 1)).toMatchObject({ status: "ran" });
    });
    expect(await takenOf(bench)).toBe(1);
  });

  it("joins in nested layers, each once, and not without end", async () => {
    const bench = await limited();
    let runs = 0;
    const nested = async (): Promise<unknown> =>
      inner(bench, async () => {
        runs++;
        return nested();
      });
    await inside(bench, nested);
    expect(runs).toBe(4);
    expect(bench.decisions().at(-1)?.decision).toMatchObject({ cause: "in_flight" });
  });

  it("joins in a retry's own nested layer", async () => {
    const bench = await limited();
    const outcome = await inside(bench, async () => {
      await expect(inner(bench, () => Promise.reject(new Error("lost")))).rejects.toThrow("lost");
      return inner(bench, async () => inner(bench, () => "deep"));
    });
    expect(outcome).toMatchObject({ status: "ran", result: { status: "ran", result: "deep" } });
    expect(await takenOf(bench)).toBe(2);
  });

  it("is decided again when policies changed, and then runs once all the same", async () => {
    const bench = await limited();
    await inside(bench, async () => {
      bench.plane.engine.addPolicy(blocking("more", [rule.denylist({ tools: ["other"] })]));
      expect(await inner(bench, () => 1)).toMatchObject({ status: "ran" });
      expect(await inner(bench, () => 1)).toMatchObject(blockedAs("already_executed"));
    });
    expect(await takenOf(bench)).toBe(1);
  });

  it("is over for whoever only decides, and leaves the outer call its own end", async () => {
    const bench = await limited();
    const registry = new HookRegistry();
    bench.plane.engine.attach(registry);
    await inside(bench, async () => {
      await bench.plane.engine.evaluate(contextOf(bench));
      await expect(bench.plane.engine.evaluate(contextOf(bench))).rejects.toThrow("already executed");
      await expect(async () => registry.run(contextOf(bench))).rejects.toThrow("already executed");
    });
    expect(bench.outcomes()).toMatchObject([{ outcome: "ran" }]);
    expect(await takenOf(bench)).toBe(1);
  });

  it.each([
    ["ran", "already_executed", 1],
    ["failed", "default", 2],
    ["released", "default", 1],
    ["suspended", "default", 1],
  ] as const)(
    "decided and ended by hand as %s does not end the call around it",
    async (status, next, taken) => {
      const bench = await limited();
      const { engine, guard } = bench.plane;
      const result = await inside(bench, async () => {
        const { id } = await engine.decide(contextOf(bench));
        expect(await engine.decide(contextOf(bench))).toMatchObject({ cause: "in_flight" });
        const context = createContext(toolCall("search", { q: 1 }, { hookpoint: "after_tool_call" }), 0);
        const end = status === "ran" || status === "failed" ? { status, context } : { status };
        expect(await engine.finish(id, end)).toBeUndefined();
        expect(await engine.decide(contextOf(bench))).toMatchObject({ cause: next });
        expect(guard.isNested()).toBe(true);
        return "outer";
      });
      expect(result).toBe("outer");
      expect(bench.outcomes()).toMatchObject([{ outcome: "ran" }]);
      expect(await takenOf(bench)).toBe(taken);
    },
  );
});
