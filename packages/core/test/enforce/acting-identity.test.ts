import { describe, expect, it, vi } from "vitest";

import type { IdentityClaim } from "../../src/context/identity.ts";
import { createContext } from "../../src/context/create-context.ts";
import { enforce } from "../../src/enforce/wrap.ts";
import { createAsyncIdentity } from "../../src/node/async-identity.ts";
import { HookRegistry } from "../../src/hooks/hook-registry.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall, type Bench, type BenchOptions } from "../plane/bench.ts";

const NOBODY = { tenant: undefined, session: undefined } as const;

/** A bench whose code runs as somebody. */
function benchAs(running: IdentityClaim, options: BenchOptions = {}): Bench {
  return createBench({ ...options, identity: { current: () => running, ...options.identity } });
}

describe("who acts", () => {
  it("is what the call says; the asynchronous identity fills a gap only where it is trusted", () => {
    const running = { tenant: "acme", user: "ada" };
    const trusting = benchAs(running, { identity: { trust: ["async"] } });
    expect(trusting.plane.guard.context(toolCall("search", {}, NOBODY))).toMatchObject(running);
    const bare = benchAs(running);
    expect(bare.plane.guard.context(toolCall("search", {}, NOBODY))).not.toHaveProperty("tenant");
    expect(bare.plane.guard.context(toolCall("search"))).toMatchObject({ tenant: "acme" });
  });

  it("is taken from the framework only where it is trusted, and after the asynchronous identity", () => {
    const init = { ...toolCall("search", {}, NOBODY), framework: { tenant: "globex", user: "bob" } };
    expect(createBench().plane.guard.context(init)).not.toHaveProperty("tenant");
    const { plane } = createBench({ identity: { trust: ["framework"] } });
    expect(plane.guard.context(init)).toMatchObject({ tenant: "globex", user: "bob" });
    const both = benchAs({ user: "bob" }, { identity: { trust: ["async", "framework"] } });
    expect(both.plane.guard.context(init)).toMatchObject({ tenant: "globex", user: "bob" });
  });

  it("falls back to the framework's session and run, which contradict nothing", () => {
    const init = { ...toolCall("search", {}, NOBODY), defaults: { session: "thread", runId: "r1" } };
    const { plane } = createBench();
    expect(plane.guard.context(init)).toMatchObject({ session: "thread", agent: { runId: "r1" } });
    const named = benchAs({ session: "web" }, { identity: { trust: ["async"] } });
    expect(named.plane.guard.context(init)).toMatchObject({ session: "web" });
  });

  it("is carried by createAsyncIdentity into an enforced function", async () => {
    const identity = createAsyncIdentity();
    const bench = createBench({
      policies: [blocking("t", [rule.requireTenant({})])],
      identity: { current: identity.current, trust: ["async"] },
    });
    const search = enforce(bench.plane.guard, async () => "found", { agent: "bot", tool: "search" });
    await expect(identity.run({ tenant: "acme" }, () => search())).resolves.toBe("found");
    await expect(search()).rejects.toMatchObject({ policyId: "t" });
    expect(bench.decisions().map((record) => record.identity.tenant)).toStrictEqual(["acme", undefined]);
  });

  it("is missed loudly, and once, where a source is not trusted", () => {
    const bench = benchAs({ tenant: "acme" });
    for (let at = 0; at < 2; at++) bench.plane.guard.context(toolCall("search", {}, NOBODY));
    const warnings = bench.ports.logger.messages("warn").filter((text) => text.includes('trust: ["async"]'));
    expect(warnings).toStrictEqual([expect.stringContaining("names a tenant that is not used")]);
  });
});

describe("a contradiction", () => {
  const conflict = { effect: "block", cause: "identity_conflict" };

  it.each([
    ["the asynchronous identity", { tenant: "globex" }, toolCall("search")],
    ["the framework", {}, { ...toolCall("search"), framework: { tenant: "globex" } }],
    [
      "the framework and the asynchronous identity",
      { user: "ann" },
      { ...toolCall("search"), framework: { user: "bob" } },
    ],
    ["another agent", { agent: "other" }, toolCall("search")],
  ] as const)(
    "with %s never runs, and is one record of the call's own identity",
    async (_name, running, init) => {
      const bench = benchAs(running, { identity: { trust: ["async", "framework"] } });
      const run = vi.fn<() => never>();
      const outcome = await bench.plane.guard.toolCall({ context: init, run });
      expect(outcome).toMatchObject({
        status: "blocked",
        decision: conflict,
        message: expect.stringContaining("Do not retry"),
      });
      expect(run).not.toHaveBeenCalled();
      expect(bench.decisions()).toMatchObject([
        { decision: conflict, identity: { agent: "bot", tenant: "acme" } },
      ]);
      expect(JSON.stringify(bench.records)).not.toMatch(/globex|ann|bob|other"/);
    },
  );

  it("is refused by every verb, of a context that was built before too", async () => {
    const bench = benchAs({ tenant: "globex" });
    const { guard } = bench.plane;
    const built = guard.context(toolCall("search"));
    for (const context of [toolCall("search"), built, createContext(toolCall("search"), 0)]) {
      // oxlint-disable no-await-in-loop -- records are counted
      const before = bench.decisions().length;
      expect(await guard.peek(context)).toMatchObject({ ...conflict, intent: "peek" });
      expect(await guard.visibleTools([{ name: "search" }], context)).toStrictEqual([]);
      expect(bench.decisions()).toHaveLength(before);
      expect(await guard.ask(context)).toMatchObject({ ...conflict, intent: "ask" });
      expect(await guard.admit(context)).toMatchObject({ status: "blocked", decision: conflict });
      expect(
        await guard.modelStream({
          context,
          run: () => expect.fail("it ran"),
          codec: { read: () => undefined, write: (one) => one },
        }),
      ).toMatchObject({ decision: conflict });
      expect(bench.decisions()).toHaveLength(before + 3);
      // oxlint-enable no-await-in-loop
    }
  });

  it("stays with the context it was found in, wherever that is decided", async () => {
    const { plane } = createBench();
    const built = plane.guard.context({ ...toolCall("search"), framework: { tenant: "globex" } });
    expect(await plane.guard.admit(built)).toMatchObject({ decision: conflict });
    expect(await plane.engine.decide(built)).toMatchObject(conflict);
    const registry = new HookRegistry();
    plane.engine.attach(registry);
    await expect((async () => registry.run(built))()).rejects.toMatchObject({ code: "policy_blocked" });
  });

  it("is none inside a governed call with what was set for the agents above", async () => {
    const bench = benchAs({ agent: "boss", runId: "r0", tenant: "acme" });
    const { guard } = bench.plane;
    const outcome = await guard.toolCall({
      context: toolCall("search", {}, { agent: "boss" }),
      run: () =>
        guard.toolCall({
          context: toolCall("search", {}, { agent: "helper" }),
          run: () => guard.admit(toolCall("search", {}, { agent: "helper", tenant: "globex" })),
        }),
    });
    expect(outcome).toMatchObject({
      status: "ran",
      result: { status: "ran", result: { decision: conflict } },
    });
  });

  it("a context without an agent stays an error of the program", () => {
    const { plane } = benchAs({ tenant: "acme" });
    // Plain JavaScript may leave it out.
    const init = { ...toolCall("search"), agent: undefined as unknown as string };
    expect(() => plane.guard.toolCall({ context: init, run: () => 1 })).toThrow(
      expect.objectContaining({ code: "context_invalid" }),
    );
  });
});
