/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import type { AuditRecord } from "../../src/audit/audit-record.ts";
import type { AuditSink } from "../../src/audit/audit-sink.ts";
import type { MaybePromise } from "../../src/base/maybe-promise.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import type { DocumentStore, LedgerStore, StateStore } from "../../src/store/state-store.ts";
import { createTestPorts, type TestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, modelCall, sharedState, toolCall, type BenchOptions } from "./bench.ts";

type Part = "ledger" | "ladders" | "approvals" | "sessions" | "admissions" | "versions";
type Failing = (part: Part, operation: string) => boolean;

/** A store that works until it is told not to, and then fails now or later. */
function brittleState(ports: TestPorts, isFailing: Failing, how: "throws" | "rejects"): StateStore {
  const state = sharedState(ports);
  const wrap = <T extends LedgerStore | DocumentStore>(part: Part, store: T): T =>
    new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...args: unknown[]): unknown => {
          if (!isFailing(part, String(name))) return Reflect.apply(member, target, args);
          const error = new Error(`connection lost during ${String(name)}`);
          if (how === "throws") throw error;
          return Promise.reject(error);
        };
      },
    });
  return {
    ...state,
    ledger: wrap("ledger", state.ledger),
    ladders: wrap("ladders", state.ladders),
    approvals: wrap("approvals", state.approvals),
    sessions: wrap("sessions", state.sessions),
    admissions: wrap("admissions", state.admissions),
    versions: wrap("versions", state.versions),
    close: () => state.close(),
  };
}

const POLICIES = [
  blocking("p", [
    rule.rate({ limit: 5, window: "1h" }),
    rule.loop({ maxRepeats: 5 }),
    rule.condition({ where: { tool: "send_mail" }, then: "escalate" }),
  ]),
];

function brittleBench(
  isFailing: Failing,
  how: "throws" | "rejects",
  options: BenchOptions = {},
): ReturnType<typeof createBench> {
  const ports = createTestPorts();
  const state = brittleState(ports, isFailing, how);
  return createBench({
    policies: POLICIES,
    approvals: { resolver: "external" },
    state,
    sharedPorts: ports,
    ...options,
  });
}

describe.each(["throws", "rejects"] as const)("a store that %s", (how) => {
  it.each<[string, Part, string, string]>([
    ["reserving", "ledger", "reserve", "search"],
    ["the history", "sessions", "read", "search"],
    ["remembering the history", "sessions", "update", "search"],
    ["the call's state", "admissions", "update", "search"],
    ["the approvals", "approvals", "read", "send_mail"],
  ])(
    "while it is asked for %s blocks the call, says why, records it and holds nothing",
    async (_what, part, operation, tool) => {
      let isDown = true;
      const bench = brittleBench((at, name) => isDown && at === part && name === operation, how);
      const decision = await bench.plane.engine.decide(toolCall(tool, {}, { callId: "c1" }));
      expect(decision).toMatchObject({ effect: "block", cause: "state_error" });
      expect(decision.reason).not.toContain("connection lost");
      expect(bench.decisions().at(-1)).toMatchObject({ decision: { effect: "block" } });
      expect(bench.ports.logger.messages("error").join()).toContain("state");
      isDown = false;
      const [state] = await bench.plane.limits.read({
        policyId: "p",
        ruleId: "rate",
        agent: "bot",
        tenant: "acme",
      });
      expect(state).toMatchObject({ used: 0, held: 0 });
    },
  );

  it("with onStateError allow does not stop what no rule objects to", async () => {
    const bench = brittleBench(() => true, how, {
      onStateError: "allow",
      policies: [
        blocking("p", [rule.rate({ limit: 5, window: "1h" }), rule.denylist({ tools: ["update"] })]),
      ],
    });
    expect(await bench.plane.engine.decide(toolCall("search", {}, { callId: "c1" }))).toMatchObject({
      effect: "allow",
    });
    expect(await bench.plane.engine.decide(toolCall("update", {}, { callId: "c2" }))).toMatchObject({
      effect: "block",
    });
    // The limit was not asked, and the record of each decision says that something was not.
    expect(bench.decisions().map(({ decision }) => decision.isUnknown)).toStrictEqual([true, true]);
    expect(bench.ports.logger.messages("error").join()).toContain("state store failed");
  });

  it("with onStateError allow grants nothing that the default effect blocks", async () => {
    const closed = { onStateError: "allow", defaultEffect: "block", policies: [] } as const;
    const { plane } = brittleBench(() => true, how, closed);
    const decision = await plane.engine.decide(toolCall("search", {}, { callId: "c1" }));
    expect(decision).toMatchObject({ effect: "block", cause: "no_policy", isUnknown: true });
  });

  it("with onStateError allow fails the rules that need a history, which the policy's onError decides", async () => {
    const policies = [blocking("p", [rule.loop({ maxRepeats: 5 })])];
    const { plane } = brittleBench(() => true, how, { onStateError: "allow", policies });
    const decision = await plane.engine.decide(toolCall("search", {}, { callId: "c1" }));
    expect(decision).toMatchObject({ effect: "block", ruleId: "loop" });
  });

  it("with onStateError allow still lets nothing run that asks a person", async () => {
    const bench = brittleBench(() => true, how, { onStateError: "allow" });
    const decision = await bench.plane.engine.decide(toolCall("send_mail", {}, { callId: "c1" }));
    expect(decision.effect).not.toBe("allow");
  });

  it("while a call is settled withholds the result and says that it ran; the failure is loud", async () => {
    const bench = brittleBench((part, name) => part === "ledger" && name === "settle", how);
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search")),
      run: () => "done",
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "state_error" } });
    expect((outcome as { message: string }).message).toContain("WAS executed");
    expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
    expect(bench.ports.logger.messages("error")).toContain("settlement of a finished call failed");
  });

  it("after the call has run withholds the result, and what happened is recorded all the same", async () => {
    let isDown = false;
    const bench = brittleBench((part) => isDown && part === "sessions", how);
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search")),
      run: () => {
        isDown = true;
        return "done";
      },
    });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "state_error" } });
    expect(bench.outcomes()).toHaveLength(1);
  });

  it("while a hold is renewed is reported, and the process lives on", async () => {
    const bench = brittleBench((part, name) => part === "ledger" && name === "renew", how);
    const forEver = new Promise(() => undefined);
    void bench.plane.guard.toolCall({ context: toolCall("search"), run: () => forEver });
    await bench.ports.clock.advanceAsync(60_000);
    expect(bench.ports.logger.messages("error")).toContain("a hold of a running call could not be renewed");
    expect(bench.ports.clock.pending).toBe(1);
  });
});

/** A store whose plugs and modes cannot be listed. */
function unread(ports: TestPorts): StateStore {
  return {
    ...sharedState(ports),
    controls: { read: listNothing, update: listNothing, list: listNothing, watch: () => () => undefined },
  };
}

function listNothing(): Promise<never> {
  return Promise.reject(new Error("down"));
}

describe("plugs and modes that cannot be read", () => {
  it.each([
    ["block", "block"],
    ["allow", "allow"],
  ] as const)("with onStateError %s: %s", async (onStateError, effect) => {
    const ports = createTestPorts();
    const { plane } = createBench({ state: unread(ports), sharedPorts: ports, onStateError });
    const decision = await plane.engine.decide(toolCall("search"));
    expect([decision.effect, decision.cause]).toStrictEqual([
      effect,
      effect === "block" ? "state_error" : "no_policy",
    ]);
    await plane.close();
    expect(ports.clock.pending).toBe(0);
  });
});

describe.each(["throws", "rejects"] as const)("a sink that %s", (how) => {
  function brittleSink(records: AuditRecord[], isFailing: (record: AuditRecord) => boolean): AuditSink {
    return {
      append(record): MaybePromise<void> {
        if (!isFailing(record)) return void records.push(record);
        const error = new Error("disk full");
        if (how === "throws") throw error;
        return Promise.reject(error);
      },
      flush() {},
      close() {},
    };
  }

  it.each([
    ["block", "block"],
    ["continue", "allow"],
  ] as const)("on a decision with onAuditError %s: %s, never silent", async (onAuditError, effect) => {
    const bench = createBench({
      onAuditError,
      audit: brittleSink([], ({ kind }) => kind === "decision"),
      policies: [blocking("p", [rule.rate({ limit: 5, window: "1h" })])],
    });
    const decision = await bench.plane.engine.decide(toolCall("search", {}, { callId: "c1" }));
    expect([decision.effect, decision.cause]).toStrictEqual([
      effect,
      effect === "block" ? "audit_error" : "default",
    ]);
    expect(bench.ports.logger.messages("error").join()).toContain("audit failed");
    const [state] = await bench.plane.limits.read({
      policyId: "p",
      ruleId: "rate",
      agent: "bot",
      tenant: "acme",
    });
    expect((state?.used ?? 0) + (state?.held ?? 0)).toBe(effect === "block" ? 0 : 1);
  });

  it.each([
    ["block", "blocked"],
    ["continue", "ran"],
  ] as const)(
    "on an outcome with onAuditError %s: the result is %s; it was executed all the same",
    async (onAuditError, status) => {
      const bench = createBench({ onAuditError, audit: brittleSink([], ({ kind }) => kind === "outcome") });
      let runs = 0;
      const outcome = await bench.plane.guard.toolCall({
        context: bench.plane.guard.context(toolCall("search")),
        run: () => ++runs,
      });
      expect(runs).toBe(1);
      const withheld = {
        decision: { cause: "audit_error" },
        message: expect.stringContaining("WAS executed"),
      };
      expect(outcome).toMatchObject({ status, ...(status === "blocked" && withheld) });
    },
  );

  it("on a control record does not undo the act: a kill is a kill", async () => {
    const bench = createBench({ audit: brittleSink([], ({ kind }) => kind === "control") });
    await bench.plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "fire" });
    expect(await bench.plane.engine.decide(modelCall())).toMatchObject({ cause: "unplugged" });
    await bench.plane.flush();
    expect(bench.ports.logger.messages("error")).toContain("a control record could not be written");
  });

  it("a call that failed to be recorded may be tried again", async () => {
    let isFull = true;
    const records: AuditRecord[] = [];
    const bench = createBench({ audit: brittleSink(records, ({ kind }) => isFull && kind === "decision") });
    const context = bench.plane.guard.context(toolCall("search", {}, { callId: "c1" }));
    expect(await bench.plane.guard.admit(context)).toMatchObject({ status: "blocked" });
    isFull = false;
    expect(await bench.plane.guard.toolCall({ context, run: () => 1 })).toMatchObject({ status: "ran" });
  });
});
