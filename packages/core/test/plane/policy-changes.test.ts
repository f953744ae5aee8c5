import { describe, expect, it } from "vitest";
import { z } from "zod";

import { ConfigError } from "../../src/base/errors.ts";
import type { Policy, PolicyDocument } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { blocking, createBench, toolCall } from "./bench.ts";

const deny = (id: string, tool: string): Policy => blocking(id, [rule.denylist({ tools: [tool] })]);
const file = (policies: readonly Policy[], more: Partial<PolicyDocument> = {}): PolicyDocument => ({
  apiVersion: "agentplane/v1",
  policies,
  ...more,
});

it("a change is in force at the next call and has its own revision", async () => {
  const { plane } = createBench();
  const before = await plane.engine.decide(toolCall("update"));
  plane.engine.addPolicy(deny("p", "update"));
  const after = await plane.engine.decide(toolCall("update"));
  expect([before.effect, after.effect]).toStrictEqual(["allow", "block"]);
  expect(after.revision).toBeGreaterThan(before.revision);
  expect(plane.engine.removePolicy("p")).toBe(true);
  expect(plane.engine.removePolicy("p")).toBe(false);
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
});

it("a decision under way keeps the policies it started with", async () => {
  const slow = defineRule({
    kind: "slow",
    summary: "Takes its time.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: (_params, { timers }) => ({
      check: () => new Promise((resolve) => timers.set(() => resolve(undefined), 500)),
    }),
  });
  const { plane, ports } = createBench({ rules: [slow], policies: [blocking("p", [{ rule: "slow" }])] });
  const { revision } = plane.engine;
  const deciding = plane.engine.decide(toolCall("update"));
  plane.engine.addPolicy(deny("q", "update"));
  await ports.clock.advanceAsync(500);
  expect(await deciding).toMatchObject({ effect: "allow", revision });
});

describe("sources", () => {
  it("are replaced whole, each by itself", async () => {
    const { plane } = createBench({ policies: [deny("code", "run_code")] });
    plane.engine.replaceAll("file:a.yaml", file([deny("a", "update"), deny("b", "send_mail")]));
    plane.engine.replaceAll("file:a.yaml", file([deny("b", "send_mail")]));
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
    expect(await plane.engine.decide(toolCall("send_mail"))).toMatchObject({ policyId: "b" });
    expect(await plane.engine.decide(toolCall("run_code"))).toMatchObject({ policyId: "code" });
    expect(plane.engine.policies().map(({ source, policy }) => `${source} ${policy.id}`)).toStrictEqual([
      "code code",
      "file:a.yaml b",
    ]);
  });

  it("cannot both own an id, and the earlier set stays in force", async () => {
    const { plane } = createBench({ policies: [deny("p", "update")] });
    expect(() => plane.engine.replaceAll("file:a.yaml", file([deny("p", "search")]))).toThrow(ConfigError);
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block" });
  });

  it("cannot loosen each other's default", async () => {
    const { plane } = createBench();
    plane.engine.replaceAll("file:a.yaml", file([], { defaultEffect: "block" }));
    plane.engine.replaceAll("server", file([], { defaultEffect: "allow" }));
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block" });
    plane.engine.replaceAll("file:a.yaml", file([]));
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
  });

  it("cannot loosen each other's traits of a tool", async () => {
    const { plane } = createBench({ tools: { search: { access: "write" } } });
    plane.engine.replaceAll(
      "server",
      file([], { tools: { search: { access: "read", external: false, safe: true } } }),
    );
    const global = { kind: "global" } as const;
    for (const mode of ["READ_ONLY", "NO_EXTERNAL", "SAFE_TOOLS_ONLY"] as const) {
      // oxlint-disable no-await-in-loop -- one mode after the other
      await plane.controls.degrade(global, mode, { by: "olga" });
      expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
        effect: "block",
        cause: "mode",
        modes: [mode],
      });
      await plane.controls.recover(global, { by: "olga" });
      // oxlint-enable no-await-in-loop
    }
  });
});

describe("a broken change", () => {
  it.each<[string, unknown]>([
    ["an unknown field", file([{ ...deny("p", "x"), prioritty: 3 } as unknown as Policy])],
    ["a duplicate id", file([deny("p", "x"), deny("p", "y")])],
    ["a rule that its kind refuses", file([blocking("p", [rule.redact({ detect: ["email"] })])])],
    ["no document at all", "policies: ["],
  ])("(%s) keeps the last good set in force, throws, and is on the record", async (_name, document) => {
    const bench = createBench();
    bench.plane.engine.replaceAll("file:a.yaml", file([deny("good", "update")]));
    expect(() => bench.plane.engine.replaceAll("file:a.yaml", document as PolicyDocument)).toThrow(
      ConfigError,
    );
    expect(await bench.plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "block",
      policyId: "good",
    });
    expect(bench.controls("configuration_error")).toMatchObject([{ by: "file:a.yaml" }]);
  });

  it("by addPolicy is on the record too", () => {
    const bench = createBench();
    expect(() => bench.plane.engine.addPolicy({ id: "p", blocking: [{ rule: "rat" }] })).toThrow(ConfigError);
    expect(bench.controls("configuration_error")).toMatchObject([{ by: "code" }]);
  });
});

it("what is loaded cannot be changed from outside afterwards", async () => {
  const policy = { id: "p", blocking: [{ rule: "denylist", tools: ["update"] }] };
  const { plane } = createBench({ policies: [policy] });
  policy.blocking[0]!.tools[0] = "other";
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block" });
  expect(() => {
    // What a caller without types may do.
    (plane.engine.policies()[0] as unknown as { policy: { id: string } }).policy.id = "q";
  }).toThrow(TypeError);
});

it("a retired rule is closed once; one that did not change is kept", () => {
  const closed: string[] = [];
  const closing = defineRule({
    kind: "closing",
    summary: "Says when it goes.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({ name: z.string() }),
    example: { name: "a" },
    isStateless: true,
    compile: ({ name }) => ({ check: () => undefined, close: () => void closed.push(name) }),
  });
  const { plane } = createBench({
    rules: [closing],
    policies: [blocking("a", [{ rule: "closing", name: "a" }])],
  });
  plane.engine.addPolicy(blocking("b", [{ rule: "closing", name: "b" }]));
  expect(closed).toStrictEqual([]);
  plane.engine.addPolicy(blocking("b", [{ rule: "closing", name: "b2" }]));
  plane.engine.removePolicy("a");
  expect(closed).toStrictEqual(["b", "a"]);
});
