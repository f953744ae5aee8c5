import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const forTenant = blocking("acme-only", [rule.denylist({ tools: ["update"] })], {
  selector: { tenants: ["acme"] },
});
const forUser = blocking("ann-only", [rule.denylist({ tools: ["update"] })], {
  selector: { users: ["ann"] },
});

describe("where a policy selects by tenant or user", () => {
  it.each([
    ["tenant", forTenant, { tenant: undefined }],
    ["user", forUser, { user: undefined }],
  ] as const)("a context without a %s is refused, whatever the tool", async (field, policy, change) => {
    const { plane } = createBench({ policies: [policy] });
    const decision = await plane.engine.decide(toolCall("search", {}, change));
    expect(decision).toMatchObject({ effect: "block", cause: "identity_missing" });
    expect(decision.reason).toContain(field);
  });

  it("either may be declared optional; the policy then does not match", async () => {
    const { plane } = createBench({ policies: [forTenant], identity: { optional: ["tenant"] } });
    expect(await plane.engine.decide(toolCall("update", {}, { tenant: undefined }))).toMatchObject({
      effect: "allow",
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block", cause: "rule" });
  });

  it("a shadow policy alone demands nothing", async () => {
    const { plane } = createBench({ policies: [{ ...forTenant, mode: "shadow" }] });
    expect(await plane.engine.decide(toolCall("update", {}, { tenant: undefined }))).toMatchObject({
      effect: "allow",
    });
  });

  it("users and tags are checked on every call, although what matches is remembered", async () => {
    const { plane } = createBench({
      policies: [
        forUser,
        blocking("prod", [rule.denylist({ tools: ["update"] })], { selector: { tags: { env: "prod" } } }),
      ],
    });
    for (let round = 0; round < 2; round++) {
      // oxlint-disable no-await-in-loop -- the second round meets what the first one left
      expect(await plane.engine.decide(toolCall("update", {}, { user: "bob" }))).toMatchObject({
        effect: "allow",
      });
      expect(await plane.engine.decide(toolCall("update", {}, { user: "ann" }))).toMatchObject({
        policyId: "ann-only",
      });
      expect(
        await plane.engine.decide(toolCall("update", {}, { user: "bob", tags: { env: "prod" } })),
      ).toMatchObject({
        policyId: "prod",
      });
      // oxlint-enable no-await-in-loop
    }
  });
});

describe("a context that names nobody", () => {
  it.each([
    ["no agent", { agent: undefined as unknown as string }],
    ["an empty agent", { agent: "" }],
    ["an empty tenant", { tenant: "" }],
    ["an unknown hookpoint form", { hookpoint: "Before Tool" }],
  ])("is an error that names the field: %s", async (_name, change) => {
    const { plane } = createBench();
    await expect(plane.engine.evaluate(toolCall("search", {}, change))).rejects.toMatchObject({
      code: "context_invalid",
    });
  });
});

describe("a nested agent", () => {
  it("gets its lineage from the call it runs in", async () => {
    const { plane } = createBench();
    let inner: unknown;
    await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search", {}, { agent: { id: "boss", runId: "r1" } })),
      run: async () => {
        await Promise.resolve();
        inner = plane.guard.context(toolCall("update", {}, { agent: "helper" })).agent;
      },
    });
    expect(inner).toStrictEqual({ id: "helper", runId: "r1", ancestors: ["boss"] });
  });

  it("that hides its parent is refused", async () => {
    const { plane } = createBench();
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("search", {}, { agent: "boss" })),
      run: () => plane.engine.decide(toolCall("update", {}, { agent: { id: "helper", ancestors: [] } })),
    });
    expect(outcome).toMatchObject({ result: { effect: "block", cause: "lineage_missing" } });
  });

  it("shares a limit per run with its parent, and has one per agent of its own", async () => {
    const { plane } = createBench({
      policies: [
        blocking("run", [rule.rate({ limit: 2, window: "1h", per: "run" })]),
        blocking("agent", [rule.rate({ limit: 2, window: "1h", per: "agent" })]),
      ],
    });
    const ask = (agent: string, ancestors: readonly string[], runId = "r1"): unknown =>
      plane.engine.decide(toolCall("search", {}, { agent: { id: agent, runId, ancestors } }));
    expect(await ask("boss", [])).toMatchObject({ effect: "allow" });
    expect(await ask("helper", ["boss"])).toMatchObject({ effect: "allow" });
    expect(await ask("helper", ["boss"])).toMatchObject({ effect: "block", policyId: "run" });
    expect(await ask("helper", ["boss"], "r2")).toMatchObject({ effect: "allow" });
    expect(await ask("helper", ["boss"], "r3")).toMatchObject({ effect: "block", policyId: "agent" });
  });
});
