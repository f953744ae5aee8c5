import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { ContextInit } from "../../src/context/create-context.ts";
import type { Decision } from "../../src/decision/decision.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { contexts, policySets } from "./policy-arbitrary.ts";

const RUNS = Number(process.env["FC_RUNS"] ?? 150);
const noSink = { append() {}, flush() {}, close() {} };

function decisionsOf(
  policies: readonly Policy[],
  asked: readonly ContextInit[],
): readonly Partial<Decision>[] {
  const plane = createAgentPlane({ policies, audit: noSink, ports: createTestPorts() });
  return asked.map((context) => {
    const decision = plane.engine.decide(context, { intent: "peek" });
    if (decision instanceof Promise) throw new Error("a decision in memory must not wait");
    return decision;
  });
}

const shuffled = policySets.chain((policies) =>
  fc.tuple(fc.constant(policies), fc.shuffledSubarray(policies, { minLength: policies.length })),
);
const asked = fc.array(contexts, { minLength: 20, maxLength: 20 });

function comparable(decision: Partial<Decision>): unknown {
  return { ...decision, id: "" };
}

function effects(all: readonly Partial<Decision>[]): unknown {
  return all.map(({ effect, verdict }) => [effect, verdict]);
}

function isConstraint({ blocking = [] }: Policy): boolean {
  return blocking.every(
    (spec) => spec.rule === "denylist" || spec["then"] === "block" || spec["then"] === "escalate",
  );
}

test("under mostRestrictive the order in which policies are written changes nothing of a decision", () => {
  fc.assert(
    fc.property(shuffled, asked, ([policies, other], questions) => {
      expect(decisionsOf(other, questions).map(comparable)).toStrictEqual(
        decisionsOf(policies, questions).map(comparable),
      );
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

test("under mostRestrictive priorities change who is named, never what happens", () => {
  fc.assert(
    fc.property(
      policySets,
      fc.array(fc.nat(9), { minLength: 7, maxLength: 7 }),
      asked,
      (policies, priorities, questions) => {
        const others = policies.map((policy, at) => ({ ...policy, priority: priorities[at] ?? 0 }));
        expect(effects(decisionsOf(others, questions))).toStrictEqual(
          effects(decisionsOf(policies, questions)),
        );
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  );
});

test("one more enforcing policy of constraints never loosens a decision under mostRestrictive", () => {
  const rank = { allow: 0, ask: 1, block: 2 };
  const constraint = policySets
    .map((policies) => policies.find(isConstraint))
    .filter((found) => found !== undefined);
  fc.assert(
    fc.property(policySets, constraint, asked, (policies, extra, questions) => {
      const more = [...policies, { ...extra, id: "extra" }];
      const before = decisionsOf(policies, questions);
      for (const [at, after] of decisionsOf(more, questions).entries()) {
        expect(rank[after.effect ?? "allow"]).toBeGreaterThanOrEqual(rank[before[at]?.effect ?? "block"]);
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});
