/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import { memorySink } from "../../src/audit/memory-sink.ts";
import { verifyLines } from "../../src/audit/verify.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, modelCall, toolCall } from "./bench.ts";

const INCLUDE = { id: "log", nonBlocking: [rule.audit({ includeInput: true, includeResult: true })] };

describe("the record of a decision", () => {
  it("is written for every cause, exactly once", async () => {
    const bench = createBench({
      approvals: { resolver: "external" },
      policies: [
        blocking("t", [rule.denylist({ tools: ["run_code"] })], { selector: { tenants: ["acme", "beta"] } }),
        blocking("ask", [rule.condition({ where: { tool: "send_mail" }, then: "escalate" })]),
        blocking("rate", [rule.rate({ limit: 1, window: "1h" })], { selector: { tools: ["fetch_page"] } }),
      ],
    });
    const decide = (...given: Parameters<typeof toolCall>): unknown =>
      bench.plane.engine.decide(toolCall(...given));
    await decide("search");
    await decide("run_code");
    await decide("send_mail");
    await decide("fetch_page");
    await decide("fetch_page");
    await decide("search", {}, { tenant: undefined });
    await decide("update", { f: new Map() });
    await bench.plane.controls.degrade({ kind: "tenant", id: "beta" }, "FULL_BLOCK", { by: "olga" });
    await decide("search", {}, { tenant: "beta" });
    await bench.plane.controls.unplug({ kind: "agent", id: "evil" }, { by: "olga", reason: "x" });
    await decide("search", {}, { agent: "evil" });
    expect(bench.decisions().map(({ decision }) => decision.cause)).toStrictEqual([
      "default",
      "rule",
      "approval",
      "default",
      "limit",
      "identity_missing",
      "opaque_content",
      "mode",
      "unplugged",
    ]);
    expect(bench.outcomes()).toHaveLength(0);
  });

  it("names who, what, which revision and a digest; content only where a policy asks for it", async () => {
    const bench = createBench();
    await bench.plane.engine.decide(toolCall("search", { q: "hunter2" }, { user: "ann", callId: "c1" }));
    const [record] = bench.decisions();
    expect(record).toMatchObject({
      identity: { agent: "bot", tenant: "acme", user: "ann", session: "s1" },
      tool: "search",
      callId: "c1",
      attempt: 1,
      inputDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(record).not.toHaveProperty("input");
    expect(JSON.stringify(record)).not.toContain("hunter2");
  });

  it("names the trace that the call belongs to, where it belongs to one", async () => {
    const bench = createBench();
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    await bench.plane.engine.decide({ ...toolCall("search"), traceId });
    await bench.plane.engine.decide(toolCall("search"));
    const [first, second] = bench.decisions();
    expect(first?.traceId).toBe(traceId);
    expect(second).not.toHaveProperty("traceId");
  });

  it("with content is redacted by the policies and by what is always secret", async () => {
    const bench = createBench({
      policies: [INCLUDE, blocking("r", [rule.redact({ fields: ["salary"], from: ["audit"] })])],
    });
    await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search", { q: 1, salary: 5, api_key: "k" })),
      run: () => ({ salary: 5, password: "p", ok: 1 }),
    });
    expect(bench.decisions()[0]?.input).toEqual({ q: 1, salary: "[REDACTED]", api_key: "[REDACTED]" });
    expect(bench.outcomes()[0]?.result).toEqual({ salary: "[REDACTED]", password: "[REDACTED]", ok: 1 });
  });

  it("of a blocked call is redacted by every policy that matches, also by those that were not asked any more", async () => {
    const bench = createBench({
      policies: [
        INCLUDE,
        blocking("deny", [rule.denylist({ tools: ["search"] })], { priority: 9 }),
        blocking("r", [rule.redact({ fields: ["salary"] })], { priority: 1 }),
      ],
    });
    await bench.plane.engine.decide(toolCall("search", { salary: 5 }));
    expect(bench.decisions()[0]?.input).toEqual({ salary: "[REDACTED]" });
    bench.plane.hooks.on("before_tool_call", () => ({ block: "no" }));
    await bench.plane.guard.admit(bench.plane.guard.context(toolCall("search", { salary: 6 })));
    expect(bench.decisions()[1]?.input).toEqual({ salary: "[REDACTED]" });
    expect(JSON.stringify(bench.records)).not.toMatch(/"salary":[56]/);
  });

  it("cannot be switched off by a policy that never matches or by none at all", async () => {
    const bench = createBench({ policies: [] });
    await bench.plane.engine.decide(modelCall());
    expect(bench.decisions()).toHaveLength(1);
  });
});

describe("what waits for the disk", () => {
  it.each([
    ["search", "buffered"],
    ["undeclared", "buffered"],
    ["fetch_page", "durable"],
    ["update", "durable"],
    ["run_code", "durable"],
  ] as const)("%s: %s", async (tool, expected) => {
    const modes: string[] = [];
    const { plane } = createBench({
      audit: {
        append: (record, mode) => {
          if (record.kind !== "control") modes.push(mode);
        },
        flush() {},
        close() {},
      },
    });
    await plane.guard.toolCall({ context: plane.guard.context(toolCall(tool)), run: () => 1 });
    expect(modes).toStrictEqual([expected, expected]);
  });

  it("a policy may ask for more durability than the traits, never for less", async () => {
    const modes: string[] = [];
    const sink = {
      append: (record: AuditRecord, mode: string): void => {
        if (record.kind === "decision") modes.push(mode);
      },
      flush() {},
      close() {},
    };
    for (const mode of ["durable", "buffered"] as const) {
      const { plane } = createBench({
        audit: sink,
        policies: [{ id: "log", nonBlocking: [rule.audit({ mode })] }],
      });
      // oxlint-disable no-await-in-loop -- one plane after the other
      await plane.engine.decide(toolCall("search"));
      await plane.engine.decide(toolCall("update"));
      // oxlint-enable no-await-in-loop
    }
    expect(modes).toStrictEqual(["durable", "durable", "buffered", "durable"]);
  });

  it("the call itself waits for a durable record", async () => {
    let written: (() => void) | undefined;
    let hasRun = false;
    const { plane } = createBench({
      audit: {
        append: (record) =>
          record.kind === "decision" ? new Promise<void>((resolve) => (written = resolve)) : undefined,
        flush() {},
        close() {},
      },
    });
    const running = plane.guard.toolCall({
      context: plane.guard.context(toolCall("update")),
      run: () => (hasRun = true),
    });
    await Promise.resolve();
    expect(hasRun).toBe(false);
    written?.();
    await running;
    expect(hasRun).toBe(true);
  });
});

it("a trail of everything a plane does verifies, and any change in it is found", async () => {
  const ports = createTestPorts();
  const sink = memorySink({ hash: ports.hash });
  const { plane } = createBench({ audit: sink, sharedPorts: ports, policies: [INCLUDE] });
  for (const tool of ["search", "update", "send_mail"]) {
    // oxlint-disable-next-line no-await-in-loop -- one call after the other
    await plane.guard.toolCall({
      context: plane.guard.context(toolCall(tool, { a: 1 })),
      run: () => ({ b: 2 }),
    });
  }
  await plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "x" });
  expect(verifyLines(sink.lines(), ports.hash)).toMatchObject({ ok: true });
  const edited = sink.lines().map((line, at) => (at === 3 ? line.replace("update", "search") : line));
  expect(verifyLines(edited, ports.hash)).toMatchObject({ ok: false });
});

it("the wall clock is in the records, and a jump of it breaks nothing", async () => {
  const bench = createBench();
  await bench.plane.engine.decide(toolCall("search"));
  bench.ports.clock.jumpWall(-3_600_000);
  await bench.plane.engine.decide(toolCall("search"));
  const [first, second] = bench.decisions();
  expect((first?.at ?? 0) - (second?.at ?? 0)).toBe(3_600_000);
  expect(second?.decision.durationMs).toBe(0);
});

it("a listener that throws changes no decision and is reported", async () => {
  const bench = createBench();
  bench.plane.on("decision", () => {
    throw new Error("bad listener");
  });
  expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
  expect(bench.ports.logger.messages("error")).toContain("a record listener failed");
});
