import type { AdmissionChange, LedgerStore, ReserveItem, StateStore } from "@agentplane/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { RedisState } from "../src/index.ts";
import { budget, rate, take } from "./limits.ts";
import { dropNamespace, freshNamespace, openState } from "./open-state.ts";
import { hasRedis } from "./servers.ts";

const LEASE = { max: 1_000_000, ttlMs: 60_000 };
const HELD = { ttlMs: 60_000 };

const entered: AdmissionChange["change"] = (old) => [...(Array.isArray(old) ? old : []), 1];
const calledOff: AdmissionChange["change"] = (old) => old;
const fails: AdmissionChange["change"] = () => {
  throw new RangeError("not so");
};

function hard(spec: ReserveItem["spec"], amount: number): ReserveItem {
  return { spec, amount, isSoft: false, expired: "charge" };
}

async function admit(
  state: StateStore,
  id: string,
  items: readonly ReserveItem[],
  change = entered,
): Promise<string> {
  const changes = [{ collection: "sessions", key: `session of ${id}`, change }] as const;
  const answer = await state.admit?.({ reserve: { id, items, ...HELD }, changes });
  if (answer?.isAdmitted === true) return "admitted";
  return answer?.reservation === undefined ? "called off" : "refused";
}

describe.skipIf(!hasRedis)("calls that are admitted from leases", () => {
  // For each its own: what a process may lease depends on how many others do.
  let namespace: string;
  let exact: RedisState;
  let opened: RedisState[] = [];
  const open = async (): Promise<RedisState> => {
    const state = await openState({ namespace, lease: LEASE });
    opened.push(state);
    return state;
  };

  beforeEach(async () => {
    namespace = freshNamespace();
    exact = await openState({ namespace });
  });
  afterEach(async () => {
    await Promise.all(opened.map((state) => state.close()));
    opened = [];
    await exact.close();
    await dropNamespace(namespace);
  });

  test("are not refused for what calls hold that are called off or fail in the same moment", async () => {
    const state = await open();
    const spec = budget("called off", 10);
    const answers = await Promise.allSettled([
      admit(state, "first", [hard(spec, 1)]),
      admit(state, "off", [hard(spec, 1)], calledOff),
      admit(state, "bad", [hard(spec, 1)], fails),
      admit(state, "over", [hard(spec, 11)]),
      admit(state, "last", [hard(spec, 9)]),
    ]);
    expect(answers.map((one) => (one.status === "fulfilled" ? one.value : String(one.reason)))).toEqual([
      "admitted",
      "called off",
      "RangeError: not so",
      "refused",
      "admitted",
    ]);
    expect(await state.ledger.read(spec)).toEqual({ used: 0, held: 10, limit: 10 });
  });

  test("are not refused by what their own process has leased, where one of their limits cannot be", async () => {
    const state = await open();
    const spec = budget("own", 100);
    expect(await admit(state, "leased", [hard(spec, 10)])).toBe("admitted");
    const { held } = await exact.ledger.read(spec);
    expect(held).toBeGreaterThan(10);
    expect(await admit(state, "over", [hard(spec, 91), hard(rate("calls"), 1)])).toBe("refused");
    expect(await admit(state, "whole", [hard(spec, 90), hard(rate("calls"), 1)])).toBe("admitted");
    expect(await exact.ledger.read(spec)).toEqual({ used: 0, held: 100, limit: 100 });
  });

  test("of many of one call at once, in two processes, one holds in the end", async () => {
    const [state, second] = [await open(), await open()];
    const spec = budget("once", 1_000);
    const once: AdmissionChange["change"] = (old) => old ?? "taken";
    const answers = await Promise.all(
      Array.from({ length: 24 }, async (_, at) => {
        const reserve = take(`once ${at}`, spec, 1);
        const changes = [{ collection: "admissions", key: "once", change: once }] as const;
        return (at % 2 === 0 ? state : second).admit?.({ reserve, changes });
      }),
    );
    expect(answers.filter((answer) => answer?.isAdmitted === true)).toHaveLength(1);
    // What runs when its process ends becomes a hold of its own; the rest is returned.
    await state.close();
    await second.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 0, held: 1, limit: 1_000 });
  });

  test("of one call at once, under one id, keep what the one that is admitted holds", async () => {
    const state = await open();
    const spec = budget("one id", 1_000);
    const once: AdmissionChange["change"] = (old) => old ?? "taken";
    const changes = [{ collection: "admissions", key: "one id", change: once }] as const;
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => state.admit?.({ reserve: take("one id", spec, 10), changes })),
    );
    expect(answers.filter((answer) => answer?.isAdmitted === true)).toHaveLength(1);
    expect(await state.ledger.read(spec)).toMatchObject({ used: 0, held: 10 });
    await state.ledger.settle("one id", [7]);
    await state.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 7, held: 0, limit: 1_000 });
  });

  test("are held once where they are asked for again with a limit that cannot be leased", async () => {
    const state = await open();
    const spec = budget("more", 1_000);
    await state.ledger.reserve(take("more", spec, 100));
    expect(await admit(state, "more", [hard(spec, 100), hard(rate("more calls"), 1)])).toBe("admitted");
    await state.ledger.settle("more", [7, 1]);
    await state.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 7, held: 0, limit: 1_000 });
  });

  test("keep what they held when they are asked for again and refused", async () => {
    const state = await open();
    const spec = budget("again", 1_000);
    await state.ledger.reserve(take("again", spec, 100));
    await expectHeld(state.ledger, spec, 100);
    expect((await state.ledger.probe(take("again", spec, 1_001))).isGranted).toBe(false);
    expect((await state.ledger.reserve(take("again", spec, 1_001))).isGranted).toBe(false);
    await expectHeld(state.ledger, spec, 100);
    // Judged without what it held: there is room for all of it.
    expect((await state.ledger.reserve(take("again", spec, 1_000))).isGranted).toBe(true);
    await expectHeld(state.ledger, spec, 1_000);
    await state.ledger.settle("again", [7]);
    expect(await exact.ledger.read(spec)).toEqual({ used: 7, held: 0, limit: 1_000 });
  });

  test("keep what they held when they are admitted again and called off", async () => {
    const state = await open();
    const spec = budget("again in one step", 1_000);
    await state.ledger.reserve(take("step", spec, 100));
    expect(await admit(state, "step", [hard(spec, 100)], calledOff)).toBe("called off");
    expect(await admit(state, "step", [hard(spec, 1_001)])).toBe("refused");
    await expectHeld(state.ledger, spec, 100);
    expect(await admit(state, "step", [hard(spec, 100)])).toBe("admitted");
    await state.ledger.settle("step", [7]);
    expect(await exact.ledger.read(spec)).toMatchObject({ used: 7 });
    await state.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 7, held: 0, limit: 1_000 });
  });

  test("are taken once where one id is reserved at once by many", async () => {
    const state = await open();
    const spec = budget("same", 1_000);
    const same = Array.from({ length: 8 }, async () => state.ledger.reserve(take("same", spec, 30)));
    expect((await Promise.all(same)).every(({ isGranted }) => isGranted)).toBe(true);
    await expectHeld(state.ledger, spec, 30);
    await state.ledger.release("same");
    await state.close();
    expect(await exact.ledger.read(spec)).toEqual({ used: 0, held: 0, limit: 1_000 });
  });

  test("account exactly once all leases are returned, however calls ended in their processes", async () => {
    const states = [await open(), await open()];
    const spec = budget("account", 1_000_000);
    let expected = 0;
    await Promise.all(
      Array.from({ length: 300 }, async (_, at) => {
        const { ledger } = states[at % 2]!;
        await ledger.reserve(take(`r${at}`, spec, 100));
        if (at % 5 === 0) return ledger.release(`r${at}`);
        expected += at;
        await ledger.settle(`r${at}`, [at]);
        await ledger.settle(`r${at}`, [at]);
      }),
    );
    await Promise.all(states.map((state) => state.close()));
    expect(await exact.ledger.read(spec)).toEqual({ used: expected, held: 0, limit: 1_000_000 });
  });

  test("count as calls from their beginning, for whoever reads the limit in their process", async () => {
    const state = await open();
    const spec = { ...budget("calls", 5_000), measure: "calls" as const };
    await state.ledger.reserve(take("call", spec, 1));
    expect(await state.ledger.read(spec)).toEqual({ used: 1, held: 0, limit: 5_000 });
    await state.ledger.settle("call", [undefined]);
    expect(await state.ledger.read(spec)).toEqual({ used: 1, held: 0, limit: 5_000 });
  });
});

async function expectHeld(ledger: LedgerStore, spec: ReserveItem["spec"], held: number): Promise<void> {
  expect(await ledger.read(spec)).toMatchObject({ used: 0, held });
}
