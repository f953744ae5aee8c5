/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { ContextInit } from "../../src/context/create-context.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";

const RUNS = Number(process.env["FC_RUNS"] ?? 400);
const noSink = { append() {}, flush() {}, close() {} };

/** Names that look like keys composed of other names, with every separator a cache might use. */
const SEPARATORS = [":", "/", "\n", "\0", "|", ",", "#", "\u0001", "\uFFFF", " ", '","', "1:", "0"];
const hostile = fc
  .array(fc.constantFrom("a", "b", "1", ...SEPARATORS), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(""));

interface Names {
  readonly agent: string;
  readonly tenant: string;
  readonly tool: string;
  readonly server: string | undefined;
  readonly originalName: string | undefined;
}

const names: fc.Arbitrary<Names> = fc.record({
  agent: hostile,
  tenant: hostile,
  tool: hostile,
  server: fc.option(hostile, { nil: undefined }),
  originalName: fc.option(hostile, { nil: undefined }),
});

function contextOf({ agent, tenant, tool, server, originalName }: Names): ContextInit {
  return {
    hookpoint: "before_tool_call",
    agent,
    tenant,
    tool: { name: tool, server, originalName, input: {} },
  };
}

/** One policy per name and dimension, whose shadow finding says that it matched. */
function policiesFor(all: readonly Names[]): readonly Policy[] {
  const selectors = all.flatMap(({ agent, tenant, tool }) => [
    { agents: [agent] },
    { tenants: [tenant] },
    { tools: [tool] },
    { agents: [agent], tenants: [tenant], tools: [tool] },
  ]);
  return selectors.map((selector, at) => ({
    id: `p${at}`,
    selector,
    mode: "shadow",
    blocking: [{ rule: "condition", where: { agent: "*" }, then: "block" }],
  }));
}

function matched(plane: AgentPlane, context: ContextInit): readonly string[] {
  const decision = plane.engine.decide(context, { intent: "peek" });
  if (decision instanceof Promise) throw new Error("a decision in memory must not wait");
  return decision.shadow.map(({ policyId }) => policyId);
}

test("the plan cache never mixes two agents, tenants or tools, however their names look", () => {
  fc.assert(
    fc.property(fc.array(names, { minLength: 2, maxLength: 12 }), (all) => {
      const policies = policiesFor(all);
      const warm = createAgentPlane({ policies, audit: noSink, ports: createTestPorts() });
      // Filled with every combination first, then asked again: each answer must be the one of a plane without a cache.
      const mixed = all.flatMap((one, at) => {
        const other = all[(at + 1) % all.length] ?? one;
        return [
          one,
          { ...one, tenant: other.tenant },
          { ...one, tool: other.tool },
          { ...one, server: other.tool },
        ];
      });
      for (const one of mixed) matched(warm, contextOf(one));
      for (const one of mixed) {
        const cold = createAgentPlane({ policies, audit: noSink, ports: createTestPorts() });
        expect([one, matched(warm, contextOf(one))]).toStrictEqual([one, matched(cold, contextOf(one))]);
      }
    }),
    { numRuns: Math.ceil(RUNS / 20), endOnFailure: true },
  );
});

test("a composed name, an absent tenant and an absent tool stay apart from their look-alikes", () => {
  const selectors = [{ tools: ["a/b"] }, { tools: ["b"] }, { tenants: ["a"] }, { agents: ["a"] }];
  const policies = selectors.map((selector, at) => ({
    ...policiesFor([])[0],
    id: `p${at}`,
    selector,
    mode: "shadow" as const,
  }));
  const plane = createAgentPlane({
    policies: policies.map((policy) => ({
      ...policy,
      blocking: [{ rule: "condition", where: { agent: "*" } }],
    })),
    audit: noSink,
    ports: createTestPorts(),
  });
  const ask = (change: Partial<ContextInit>): readonly string[] =>
    matched(plane, { hookpoint: "before_tool_call", agent: "x", ...change });
  expect(ask({ tool: "a/b" })).toStrictEqual(["p0"]);
  expect(ask({ tool: { name: "b", server: "a" } })).toStrictEqual(["p0", "p1"]);
  expect(ask({ tool: { name: "c", server: "a", originalName: "b" } })).toStrictEqual(["p0", "p1"]);
  expect(ask({ tool: "c" })).toStrictEqual([]);
  expect(ask({ tenant: "a", tool: "c" })).toStrictEqual(["p2"]);
  expect(ask({ tool: "undefined" })).toStrictEqual([]);
  // Without a tool: a hookpoint that needs none.
  expect(ask({ hookpoint: "before_agent" })).toStrictEqual([]);
  expect(ask({ hookpoint: "before_agent", agent: "a" })).toStrictEqual(["p3"]);
});

test("more names than the cache remembers change no answer", () => {
  const plane = createAgentPlane({
    policies: [
      {
        id: "p",
        selector: { agents: ["vip-*"] },
        mode: "shadow",
        blocking: [{ rule: "condition", where: { agent: "*" } }],
      },
    ],
    audit: noSink,
    ports: createTestPorts(),
  });
  const ask = (agent: string): number => matched(plane, { hookpoint: "before_agent", agent }).length;
  for (let round = 0; round < 2; round++) {
    for (let at = 0; at < 40_000; at++) ask(`bot-${at}`);
    for (let at = 0; at < 40_000; at += 1_000) {
      expect(ask(`vip-${at}`)).toBe(1);
      expect(ask(`bot-${at}`)).toBe(0);
    }
  }
});
