import { describe, expect, it } from "vitest";

import type { ContextInit } from "../../src/context/create-context.ts";
import { MODES, type Mode } from "../../src/policy/mode.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import type { ModeScope } from "../../src/state/degradation.ts";
import { blocking, createBench, modelCall, toolCall } from "./bench.ts";

const BOT = { kind: "agent", id: "bot" } as const;
const OLGA = { by: "olga" };
const at = (hookpoint: string): ContextInit => ({
  hookpoint,
  agent: "bot",
  tenant: "acme",
  target: { name: "x" },
});

/** The truth table of the modes as a reader of the semantics would write it down. */
const COLUMNS = {
  search: toolCall("search"),
  fetch_page: toolCall("fetch_page"),
  update: toolCall("update"),
  send_mail: toolCall("send_mail"),
  run_code: toolCall("run_code"),
  undeclared: toolCall("undeclared"),
  resource: at("before_resource_read"),
  prompt: at("before_prompt_get"),
  model: modelCall(),
  handoff: at("before_handoff"),
  elicitation: at("before_elicitation"),
  custom: at("before_publish"),
} as const;

type Row = Readonly<Record<keyof typeof COLUMNS, "allow" | "ask" | "block">>;

function row(texts: string): Row {
  const effects = texts.trim().split(/\s+/);
  return Object.fromEntries(Object.keys(COLUMNS).map((name, position) => [name, effects[position]])) as Row;
}

const TABLE: Readonly<Record<Exclude<Mode, "RATE_THROTTLE">, Row>> = {
  //                    search fetch  update mail   run    undecl resrc  prompt model  handof elicit custom
  READ_ONLY: row("       allow  allow  block  block  block  block  allow  allow  allow  allow  allow  allow"),
  NO_EXTERNAL: row("     allow  block  allow  block  allow  block  block  block  allow  allow  allow  allow"),
  HUMAN_LOOP: row("      ask    ask    ask    ask    ask    ask    ask    ask    allow  ask    ask    ask"),
  SAFE_TOOLS_ONLY: row(" allow  block  block  block  block  block  block  block  allow  block  block  block"),
  FULL_BLOCK: row("      block  block  block  block  block  block  block  block  block  block  block  block"),
};

describe.each(Object.keys(TABLE) as (keyof typeof TABLE)[])("%s", (mode) => {
  it.each(Object.keys(COLUMNS) as (keyof typeof COLUMNS)[])(
    "does to %s what the table says",
    async (column) => {
      const { plane } = createBench({ hookpoints: ["before_publish"], approvals: { resolver: "external" } });
      await plane.controls.degrade(BOT, mode, OLGA);
      const { effect, cause, verdict } = await plane.engine.decide(COLUMNS[column]);
      const expected = TABLE[mode][column];
      expect(effect).toBe(expected);
      expect([cause, verdict]).toStrictEqual(
        { allow: ["no_policy", "allow"], ask: ["approval", "escalate"], block: ["mode", "degrade"] }[
          expected
        ],
      );
    },
  );
});

it("RATE_THROTTLE lets six calls a minute through, then says when the next slot is free", async () => {
  const { plane, ports } = createBench();
  await plane.controls.degrade(BOT, "RATE_THROTTLE", OLGA);
  for (let time = 0; time < 6; time++) {
    // oxlint-disable-next-line no-await-in-loop -- one call after the other
    expect(await plane.engine.decide(time % 2 === 0 ? toolCall("search") : modelCall())).toMatchObject({
      effect: "allow",
    });
  }
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
    effect: "block",
    cause: "mode",
    retryAfterMs: 60_000,
  });
  expect(await plane.engine.decide(at("before_handoff"))).toMatchObject({ effect: "allow" });
  expect(await plane.engine.decide(toolCall("search", {}, { agent: "bot-2" }))).toMatchObject({
    effect: "allow",
  });
  ports.clock.advance(60_000);
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
});

it("every mode has a row", () => {
  expect([...Object.keys(TABLE), "RATE_THROTTLE"].toSorted()).toStrictEqual([...MODES].toSorted());
});

describe("scopes", () => {
  it.each([
    ["agent", { kind: "agent", id: "boss" }, { agent: "boss" }, { agent: "bot" }],
    [
      "agent: its descendants",
      { kind: "agent", id: "boss" },
      { agent: { id: "kid", ancestors: ["boss"] } },
      { agent: "kid" },
    ],
    ["tenant", { kind: "tenant", id: "acme" }, {}, { tenant: "beta" }],
    ["session", { kind: "session", id: "s1" }, {}, { session: "s2" }],
    ["agent in a tenant", { kind: "agent", id: "bot", tenant: "acme" }, {}, { tenant: "beta" }],
  ] as const)("%s", async (_name, scope, inside, outside) => {
    const { plane } = createBench();
    await plane.controls.degrade(scope, "FULL_BLOCK", OLGA);
    expect(await plane.engine.decide(toolCall("search", {}, inside))).toMatchObject({ effect: "block" });
    expect(await plane.engine.decide(toolCall("search", {}, outside))).toMatchObject({ effect: "allow" });
  });
});

describe("recovery", () => {
  it("of one mode leaves the others: a stronger mode is not lifted by a weaker one", async () => {
    const { plane, ports } = createBench();
    await plane.controls.degrade(BOT, { mode: "FULL_BLOCK", recover: { after: "10m" } }, OLGA);
    await plane.controls.degrade(BOT, { mode: "READ_ONLY", recover: { after: "30m" } }, OLGA);
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "block",
      modes: ["FULL_BLOCK", "READ_ONLY"],
    });
    ports.clock.advance(600_000);
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "allow",
      modes: ["READ_ONLY"],
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block" });
    ports.clock.advance(1_200_000);
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow", modes: [] });
  });

  it("comes after quiet: every breach starts the time anew", async () => {
    const degrade = { mode: "READ_ONLY", recover: { when: { quietFor: "10m" } } } as const;
    const { plane, ports } = createBench({
      policies: [blocking("p", [rule.rate({ limit: 1, window: "1m", onBreach: "degrade", degrade })])],
    });
    const breach = async (): Promise<void> => {
      await plane.engine.decide(toolCall("search"));
      await plane.engine.decide(toolCall("search"));
    };
    await breach();
    ports.clock.advance(9 * 60_000);
    await breach();
    ports.clock.advance(9 * 60_000);
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block", cause: "mode" });
    ports.clock.advance(60_000);
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
  });

  it("comes when the limit has room again", async () => {
    const degrade = {
      mode: "READ_ONLY",
      recover: { when: { headroom: { rule: "calls", atLeast: 0.5 } } },
    } as const;
    const bench = createBench({
      policies: [
        blocking("p", [rule.rate({ id: "calls", limit: 4, window: "10m", onBreach: "degrade", degrade })]),
      ],
    });
    const { plane, ports } = bench;
    for (let time = 0; time < 5; time++) void plane.engine.decide(toolCall("search"));
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block", cause: "mode" });
    ports.clock.advance(5 * 60_000);
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block", cause: "mode" });
    ports.clock.advance(6 * 60_000);
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
    expect(bench.controls("mode_recovered")).toHaveLength(1);
  });

  it("by hand ends what it names, on the record", async () => {
    const bench = createBench();
    await bench.plane.controls.degrade(BOT, "READ_ONLY", { by: "olga", reason: "looks odd" });
    expect(bench.plane.controls.status().modes).toMatchObject([{ by: "olga", cause: "looks odd" }]);
    await bench.plane.controls.recover(BOT, { by: "otto" });
    expect(await bench.plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
    expect(bench.controls("mode_set")).toMatchObject([{ by: "olga" }]);
    expect(bench.controls("mode_recovered")).toMatchObject([{ by: "otto" }]);
  });
});

it("what a mode forbids is hidden from the model and enforced at the call", async () => {
  const { plane } = createBench();
  await plane.controls.degrade(BOT, "READ_ONLY", OLGA);
  const context = plane.guard.context(modelCall());
  const tools = ["search", "update", "undeclared"].map((name) => ({ name }));
  expect(await plane.guard.visibleTools(tools, context)).toStrictEqual([{ name: "search" }]);
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block" });
});

it("at the result only FULL_BLOCK still concerns an action that has happened", async () => {
  const { plane } = createBench();
  for (const [mode, status] of [
    ["READ_ONLY", "ran"],
    ["HUMAN_LOOP", "ran"],
    ["FULL_BLOCK", "blocked"],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one mode after the other
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("update")),
      run: async () => {
        await plane.controls.degrade(BOT, mode, OLGA);
        return "secret";
      },
    });
    // oxlint-disable-next-line no-await-in-loop -- as above
    await plane.controls.recover(BOT, OLGA);
    expect(outcome.status).toBe(status);
    expect("message" in outcome && outcome.message.includes("WAS executed")).toBe(status === "blocked");
  }
});

it.each<[ModeScope, RegExp]>([
  [{ kind: "agent", id: "b*" }, /"b\*" is a pattern/],
  [{ kind: "agent", id: "bot", tenat: "acme" } as ModeScope, /did you mean "tenant"\?/],
  [{ kind: "global", tenant: "acme" }, /"global" is everything and has no tenant/],
  [{ kind: "session", id: "" }, /"id" of a subject must be a non-empty text/],
])("refuses a mode for %j: it would concern others than it seems to", (scope, message) => {
  const { plane } = createBench();
  const set = () => plane.controls.degrade(scope, "READ_ONLY", { by: "olga" });
  expect(set).toThrow(message);
  expect(set).toThrow(expect.objectContaining({ code: "usage_invalid" }));
  expect(plane.controls.status().modes).toStrictEqual([]);
});

it("refuses to recover a scope with a misspelt member, which would end the modes of others", async () => {
  const { plane } = createBench();
  await plane.controls.degrade({ kind: "agent", id: "bot", tenant: "beta" }, "READ_ONLY", { by: "olga" });
  const misspelt = { kind: "agent", id: "bot", tenat: "acme" } as ModeScope;
  expect(() => plane.controls.recover(misspelt, { by: "olga" })).toThrow(/did you mean "tenant"\?/);
  expect(plane.controls.status().modes).toHaveLength(1);
});
