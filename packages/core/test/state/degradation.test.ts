import * as fc from "fast-check";
import { expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import { MODES, type DegradeSpec, type ModeCell } from "../../src/policy/mode.ts";
import type { ToolTraits } from "../../src/policy/traits.ts";
import { Degradation, type DegradationDeps, type ModeScope } from "../../src/state/degradation.ts";
import { joinModes } from "../../src/state/judge-modes.ts";
import type { ModeEntry } from "../../src/state/mode-entry.ts";
import { contextOf, createTestMachines, type TestMachines } from "./test-machines.ts";

const READ: ToolTraits = { access: "read", external: false };
const WRITE: ToolTraits = { access: "write", external: false };
const OF_A: ModeScope = { kind: "agent", id: "a" };

function degradationOf(machines: TestMachines, more: Partial<DegradationDeps> = {}): Degradation {
  return new Degradation({ ...machines, controls: machines.store.controls, ...more });
}

function change(degrade: DegradeSpec, scope: ModeScope = OF_A, by = "policy:p") {
  return { scope, degrade, cause: "too many calls", by };
}

test("a mode set for an agent judges its calls and those of its descendants, and nobody else's", () => {
  const degradation = degradationOf(createTestMachines());
  expect(degradation.judge(contextOf(), WRITE)).toStrictEqual({ cell: "allow", modes: [] });
  void degradation.set(change({ mode: "READ_ONLY" }));
  expect(degradation.judge(contextOf(), WRITE)).toMatchObject({
    cell: "block",
    modes: ["READ_ONLY"],
    entry: { cause: "too many calls" },
  });
  expect(degradation.judge(contextOf(), READ)).toStrictEqual({ cell: "allow", modes: ["READ_ONLY"] });
  expect(degradation.judge(contextOf({ agentId: "child", ancestors: ["a"] }), WRITE)).toMatchObject({
    cell: "block",
  });
  expect(degradation.judge(contextOf({ agentId: "other" }), WRITE)).toMatchObject({
    cell: "allow",
    modes: [],
  });
});

test.for<[ModeScope, Parameters<typeof contextOf>[0], boolean]>([
  [{ kind: "global" }, { tenant: "x" }, true],
  [{ kind: "global", tenant: "acme" }, { tenant: "x" }, true],
  [{ kind: "tenant", id: "acme", tenant: "acme" }, { tenant: "acme" }, true],
  [{ kind: "tenant", id: "acme" }, {}, false],
  [{ kind: "tenant" }, {}, true],
  [{ kind: "tenant" }, { tenant: "acme" }, false],
  [{ kind: "session", id: "s", tenant: "acme" }, { session: "s", tenant: "acme" }, true],
  [{ kind: "session", id: "s", tenant: "acme" }, { session: "s", tenant: "other" }, false],
  [{ kind: "agent", id: "a", tenant: "acme" }, { tenant: "other" }, false],
  [OF_A, { tenant: "acme" }, true],
])("a mode for %j concerns %j: %s", ([scope, context, isMeant]) => {
  const degradation = degradationOf(createTestMachines());
  void degradation.set(change({ mode: "FULL_BLOCK" }, scope));
  expect(degradation.judge(contextOf(context), READ).cell).toBe(isMeant ? "block" : "allow");
});

test("stronger_mode_wins: modes join, and ending one leaves the others", () => {
  const degradation = degradationOf(createTestMachines());
  void degradation.set(change({ mode: "FULL_BLOCK", recover: { after: "1m" } }));
  void degradation.set(change({ mode: "RATE_THROTTLE" }));
  void degradation.set(change({ mode: "HUMAN_LOOP" }, { kind: "global" }));
  expect(degradation.judge(contextOf(), READ)).toMatchObject({
    cell: "block",
    entry: { degrade: { mode: "FULL_BLOCK" } },
  });
  const block = degradation.entries().find(({ degrade }) => degrade.mode === "FULL_BLOCK");
  void degradation.recover(block?.id ?? "", { by: "ada" });
  expect(degradation.judge(contextOf(), READ)).toMatchObject({ cell: "ask" });
  void degradation.recover({ kind: "global" }, { by: "ada" });
  expect(degradation.judge(contextOf(), READ)).toStrictEqual({
    cell: "throttle",
    entry: expect.objectContaining({ degrade: { mode: "RATE_THROTTLE" } }),
    modes: ["RATE_THROTTLE"],
    throttle: { perMinute: 6 },
  });
});

test("escalation_degrade_sets_mode_and_recovers: a time ends a mode by itself, recorded once, and setting it again renews it", () => {
  const machines = createTestMachines();
  const degradation = degradationOf(machines);
  void degradation.set(change({ mode: "READ_ONLY", recover: { after: "30m" } }));
  machines.advanceMs(20 * 60_000);
  void degradation.set(change({ mode: "READ_ONLY", recover: { after: "30m" } }));
  expect(degradation.entries()).toHaveLength(1);
  machines.advanceMs(30 * 60_000 - 1);
  expect(degradation.judge(contextOf(), WRITE).cell).toBe("block");
  machines.advanceMs(1);
  expect(degradation.judge(contextOf(), WRITE).cell).toBe("allow");
  degradation.judge(contextOf(), WRITE);
  expect(degradation.entries()).toStrictEqual([]);
  expect(machines.records.map(({ action, by }) => [action, by])).toStrictEqual([
    ["mode_set", "policy:p"],
    ["mode_renewed", "policy:p"],
    ["mode_recovered", "recovery"],
  ]);
});

test("quiet ends a mode only when its own setter was quiet", () => {
  const machines = createTestMachines();
  const degradation = degradationOf(machines);
  void degradation.set(change({ mode: "READ_ONLY", recover: { when: { quietFor: "10m" } } }));
  machines.advanceMs(9 * 60_000);
  void degradation.touch("policy:other", contextOf());
  void degradation.touch("policy:p", contextOf({ agentId: "someone-else" }));
  machines.advanceMs(30_000);
  void degradation.touch("policy:p", contextOf());
  machines.advanceMs(10 * 60_000 - 1);
  expect(degradation.judge(contextOf(), WRITE).cell).toBe("block");
  machines.advanceMs(1);
  expect(degradation.judge(contextOf(), WRITE).cell).toBe("allow");
});

test("headroom ends a mode once its limit has room again, asked at most once a second", () => {
  const machines = createTestMachines();
  let free = 0.1;
  let asked = 0;
  const headroom: DegradationDeps["headroom"] = (_entry, rule, context) => {
    asked++;
    return rule === "usd" && context.agent.id === "a" ? free : undefined;
  };
  const degradation = degradationOf(machines, { headroom });
  void degradation.set(
    change({ mode: "FULL_BLOCK", recover: { when: { headroom: { rule: "usd", atLeast: 0.2 } } } }),
  );
  for (let count = 0; count < 5; count++) expect(degradation.judge(contextOf(), READ).cell).toBe("block");
  expect(asked).toBe(1);
  free = 0.2;
  expect(degradation.judge(contextOf(), READ).cell).toBe("block");
  machines.advanceMs(1_000);
  expect(degradation.judge(contextOf(), READ).cell).toBe("allow");
  expect(degradation.entries()).toStrictEqual([]);
});

test("headroom that is asked aside ends the mode for the next call, and a failing one keeps it", async () => {
  const machines = createTestMachines();
  const answers = [Promise.reject(new Error("down")), Promise.resolve(1)];
  const degradation = degradationOf(machines, { headroom: () => answers.shift() ?? Promise.resolve(1) });
  void degradation.set(
    change({ mode: "FULL_BLOCK", recover: { when: { headroom: { rule: "usd", atLeast: 1 } } } }),
  );
  expect(degradation.judge(contextOf(), READ).cell).toBe("block");
  await new Promise((resolve) => setImmediate(resolve));
  expect(machines.errors).toHaveLength(1);
  machines.advanceMs(1_000);
  expect(degradation.judge(contextOf(), READ).cell).toBe("block");
  await new Promise((resolve) => setImmediate(resolve));
  expect(degradation.judge(contextOf(), READ).cell).toBe("allow");
});

test("manual modes stay; recovering a scope without a tenant covers every tenant of it", () => {
  const machines = createTestMachines();
  const degradation = degradationOf(machines);
  void degradation.set(change({ mode: "READ_ONLY" }, { ...OF_A, tenant: "acme" }));
  void degradation.set(change({ mode: "READ_ONLY" }, { ...OF_A, tenant: "other" }));
  machines.advanceMs(1_000_000_000);
  void degradation.recover({ ...OF_A, tenant: "acme" }, { by: "ada" });
  expect(degradation.entries().map(({ scope }) => scope.tenant)).toStrictEqual(["other"]);
  void degradation.recover(OF_A, { by: "ada" });
  expect(degradation.entries()).toStrictEqual([]);
});

test("modes survive a restart and are shared by processes on one store, but not by planes", () => {
  const machines = createTestMachines();
  const first = degradationOf(machines, { planeId: "one" });
  const second = degradationOf(machines, { planeId: "one" });
  void first.set(change({ mode: "FULL_BLOCK", recover: { after: "1m" } }));
  expect(second.judge(contextOf(), READ).cell).toBe("block");
  expect(degradationOf(machines, { planeId: "one" }).entries()).toHaveLength(1);
  expect(degradationOf(machines, { planeId: "two" }).entries()).toStrictEqual([]);
  machines.advanceMs(60_000);
  expect(second.judge(contextOf(), READ).cell).toBe("allow");
  expect(machines.records.filter(({ action }) => action === "mode_recovered")).toHaveLength(1);
});

test("a throttle is the narrowest of all; it waits only if every one lets it, and no longer", () => {
  const degradation = degradationOf(createTestMachines());
  void degradation.set(change({ mode: "RATE_THROTTLE", perMinute: 20, delay: { max: "5s" } }));
  expect(degradation.judge(contextOf(), READ).throttle).toStrictEqual({ perMinute: 20, delayMaxMs: 5_000 });
  void degradation.set(
    change({ mode: "RATE_THROTTLE", perMinute: 9, delay: { max: "9s" } }, { kind: "global" }),
  );
  expect(degradation.judge(contextOf(), READ).throttle).toStrictEqual({ perMinute: 9, delayMaxMs: 5_000 });
  void degradation.set(change({ mode: "RATE_THROTTLE", perMinute: 50 }, { kind: "tenant" }));
  expect(degradation.judge(contextOf(), READ).throttle).toStrictEqual({ perMinute: 9 });
});

test.for<[string, unknown, unknown]>([
  ["mode", { mode: "bad" }, OF_A],
  ["recover", { mode: "READ_ONLY", recover: { after: "soon" } }, OF_A],
  ["recover", { mode: "READ_ONLY", recover: { when: { quietFor: "500" } } }, OF_A],
  ["delay.max", { mode: "RATE_THROTTLE", delay: { max: "5" } }, OF_A],
  ["perMinute", { mode: "RATE_THROTTLE", perMinute: 0 }, OF_A],
  ["scope", { mode: "READ_ONLY" }, { kind: "everyone" }],
  ["scope.id", { mode: "READ_ONLY" }, { kind: "agent" }],
])(
  "bad_degrade_and_window_are_config_errors: a wrong %s is one, and nothing is set",
  ([path, degrade, scope]) => {
    const degradation = degradationOf(createTestMachines());
    const set = (): unknown => degradation.set(change(degrade as DegradeSpec, scope as ModeScope));
    expect(set).toThrow(ConfigError);
    expect(set).toThrow(expect.objectContaining({ issues: [expect.objectContaining({ path })] }));
    expect(degradation.entries()).toStrictEqual([]);
  },
);

const entry = fc
  .record({
    mode: fc.constantFrom(...MODES),
    perMinute: fc.integer({ min: 1, max: 9 }),
    delayS: fc.option(fc.integer({ min: 1, max: 9 })),
  })
  .map(({ mode, perMinute, delayS }): ModeEntry => ({
    id: `${mode}${perMinute}${delayS}`,
    scope: { kind: "global" },
    degrade:
      mode === "RATE_THROTTLE"
        ? { mode, perMinute, ...(delayS !== null && { delay: { max: `${delayS}s` } }) }
        : { mode },
    cause: "",
    by: "",
    at: 0,
  }));
const someTraits = fc.constantFrom<ToolTraits | undefined>(
  READ,
  WRITE,
  undefined,
  { access: "exec", safe: true },
  { access: "read", external: true },
);
const action = fc.constantFrom("tool_call", "resource_read", "model_call", "handoff", "agent");
const RANK: Readonly<Record<ModeCell, number>> = { allow: 0, throttle: 1, ask: 2, block: 3 };

test("the join of modes is commutative, idempotent and monotone", () => {
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 5 }),
      entry,
      someTraits,
      action,
      (entries, more, traits, what) => {
        const { entry: _deciding, modes, ...joined } = joinModes(entries, traits, what);
        const {
          entry: _of,
          modes: reversedModes,
          ...reversed
        } = joinModes(entries.toReversed(), traits, what);
        expect(reversed).toStrictEqual(joined);
        expect(reversedModes.toSorted()).toStrictEqual(modes.toSorted());
        expect(joinModes([...entries, ...entries], traits, what)).toMatchObject(joined);
        const next = joinModes([...entries, more], traits, what);
        expect(RANK[next.cell]).toBeGreaterThanOrEqual(RANK[joined.cell]);
        const isNarrower =
          next.throttle === undefined || next.throttle.perMinute <= (joined.throttle?.perMinute ?? Infinity);
        expect(isNarrower).toBe(true);
      },
    ),
  );
});
