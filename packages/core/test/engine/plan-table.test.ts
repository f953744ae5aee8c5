import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { planOf } from "../../src/engine/plan.ts";
import { PlanTable, type PlanNames } from "../../src/engine/plan-table.ts";

const NAMES: PlanNames = { hookpoint: "before_tool_call", tenant: "acme", tool: "search", agent: "bot" };

const newPlan = () => planOf([], "before_tool_call");

describe("the table of plans", () => {
  it("finds a plan by all four names, each in its own place", () => {
    const table = new PlanTable();
    const plan = newPlan();
    table.add(NAMES, plan);
    expect(table.find({ ...NAMES })).toBe(plan);
    for (const [field, name] of Object.entries(NAMES)) {
      // Also names that are known, but of another dimension.
      const others = ["other", ...Object.values(NAMES).filter((other) => other !== name)];
      expect(others.map((other) => table.find({ ...NAMES, [field]: other }))).toStrictEqual(
        others.map(() => undefined),
      );
    }
  });

  it("remembers nothing by being asked", () => {
    const table = new PlanTable();
    for (let at = 0; at < 1_000; at++) table.find({ ...NAMES, agent: `agent-${at}` });
    expect(table.size).toBe(0);
  });

  it("shows the first different plans of the other agents, and those of no other tool", () => {
    const table = new PlanTable();
    const plans = Array.from({ length: 12 }, newPlan);
    for (const [at, plan] of plans.entries()) {
      table.add({ ...NAMES, agent: `a${at}` }, plan);
      table.add({ ...NAMES, agent: `b${at}` }, plan);
      table.add({ ...NAMES, tool: "other", agent: `a${at}` }, newPlan());
    }
    expect(table.besides({ ...NAMES, agent: "new" })).toStrictEqual(plans.slice(0, 8));
  });

  it("answers as a map by the joined names does, whatever is filed in whatever order", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e", "", "ab");
    const names = fc.record({ hookpoint: name, tenant: name, tool: name, agent: name });
    fc.assert(
      fc.property(
        fc.array(names, { maxLength: 400 }),
        fc.array(names, { maxLength: 100 }),
        (filed, asked) => {
          const table = new PlanTable();
          const oracle = new Map<string, ReturnType<typeof newPlan>>();
          const keyOf = ({ hookpoint, tenant, tool, agent }: PlanNames): string =>
            JSON.stringify([hookpoint, tenant, tool, agent]);
          for (const one of filed) {
            if (oracle.has(keyOf(one))) continue;
            const plan = newPlan();
            oracle.set(keyOf(one), plan);
            table.add(one, plan);
          }
          expect(table.size).toBe(oracle.size);
          for (const one of [...filed, ...asked]) expect(table.find(one)).toBe(oracle.get(keyOf(one)));
        },
      ),
    );
  });
});
