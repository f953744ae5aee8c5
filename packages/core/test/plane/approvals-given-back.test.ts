import path from "node:path";

import { describe, expect, it } from "vitest";

import type { AuditSink } from "../../src/audit/audit-sink.ts";
import type { MaybePromise } from "../../src/base/maybe-promise.ts";
import type { Decision } from "../../src/decision/decision.ts";
import { sqliteState } from "../../src/node/sqlite-state.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import type { Approval } from "../../src/state/approval.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import type { DocumentStore, StateStore } from "../../src/store/state-store.ts";
import { createTestPorts, type TestPorts } from "../../src/testing/create-test-ports.ts";
import { temporaryDirectory } from "../node/temporary-directory.ts";
import {
  blocking,
  createBench,
  sharedState,
  toolCall,
  type Bench,
  type BenchOptions,
  type CallChange,
} from "./bench.ts";
import { laterState } from "./later-state.ts";

const OLGA = { by: "olga", role: "operator" } as const;
const asking = rule.condition({ where: { tool: "send_mail" }, then: "escalate" });
const INPUT = { to: "x@y.z" };

type After = (collection: string, value: unknown) => MaybePromise<void>;

/** A store after each of whose writes something happens; what it throws is the store's own failure. */
function eventful(state: StateStore, after: After, before: () => void = () => {}): StateStore {
  const watched = (name: string, store: DocumentStore): DocumentStore => ({
    read: (key) => store.read(key),
    list: (prefix) => store.list(prefix),
    watch: (prefix, watcher) => store.watch(prefix, watcher),
    async update(key, change, options) {
      before();
      const written = await store.update(key, change, options);
      await after(name, written);
      return written;
    },
  });
  const { admit: _stepByStep, ...rest } = state;
  return {
    ...rest,
    approvals: watched("approvals", state.approvals),
    admissions: watched("admissions", state.admissions),
  };
}

function isUsed(collection: string, value: unknown): boolean {
  return collection === "approvals" && (value as Partial<Approval> | undefined)?.status === "consumed";
}

interface Eventful {
  readonly bench: Bench;
  /** What happens, once, in the moment in which the approval has just been used up. */
  onUse(event: () => MaybePromise<void>): void;
}

function eventfulBench(options: BenchOptions = {}, ports: TestPorts = createTestPorts()): Eventful {
  let pending: (() => MaybePromise<void>) | undefined;
  const state = eventful(laterState(sharedState(ports)), (collection, value) => {
    const event = pending;
    if (event === undefined || !isUsed(collection, value)) return;
    pending = undefined;
    return event();
  });
  const bench = createBench({
    approvals: { resolver: "external" },
    policies: [blocking("ask", [asking])],
    state,
    sharedPorts: ports,
    ...options,
  });
  return { bench, onUse: (event) => void (pending = event) };
}

async function mail({ plane }: Bench): Promise<Decision> {
  return plane.engine.decide(toolCall("send_mail", INPUT, { callId: "c1" }));
}

async function approve(bench: Bench): Promise<string> {
  await bench.plane.ready();
  const { approvalId = "" } = await mail(bench);
  await bench.plane.approvals.approve(approvalId, OLGA);
  return approvalId;
}

async function statusOf({ plane }: Bench, id: string): Promise<string | undefined> {
  return (await plane.approvals.get(id))?.status;
}

/** A sink whose durable writes fail while it is told to. */
function breakable(): { readonly sink: AuditSink; isBroken: boolean } {
  const trail = {
    isBroken: false,
    sink: {
      append: async (_record, mode) => {
        if (trail.isBroken && mode === "durable") throw new Error("disk full");
      },
      flush() {},
      close() {},
    } satisfies AuditSink,
  };
  return trail;
}

describe("an approval whose call is refused after all", () => {
  it.each([
    ["in memory", () => memoryState()],
    ["in SQLite", () => sqliteState({ path: path.join(temporaryDirectory(), "state.db") })],
  ])(
    "because its record cannot be written is given back %s, and lets the same call go when it can",
    async (_where, open) => {
      const trail = breakable();
      const bench = createBench({
        state: open(),
        approvals: { resolver: "external" },
        policies: [blocking("ask", [asking])],
        audit: trail.sink,
      });
      const id = await approve(bench);
      trail.isBroken = true;
      expect(await mail(bench)).toMatchObject({ effect: "block", cause: "audit_error" });
      expect(await statusOf(bench, id)).toBe("approved");
      trail.isBroken = false;
      expect(await mail(bench)).toMatchObject({ effect: "allow", approvalId: id });
      expect(await statusOf(bench, id)).toBe("consumed");
      await bench.plane.close();
    },
  );

  it("by a kill in the moment of its use is given back, and recorded so", async () => {
    const { bench, onUse } = eventfulBench();
    const id = await approve(bench);
    onUse(async () =>
      bench.plane.controls.unplug({ kind: "agent", id: "bot" }, { by: "olga", reason: "stop" }),
    );
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "unplugged" });
    expect(await statusOf(bench, id)).toBe("approved");
    expect(bench.controls("approval_given_back")).toMatchObject([{ data: { approvalId: id } }]);
    await bench.plane.controls.plug({ kind: "agent", id: "bot" }, { by: "olga" });
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("by a kill while its record is written is given back", async () => {
    let kill = async (): Promise<void> => undefined;
    const bench = createBench({
      approvals: { resolver: "external" },
      policies: [blocking("ask", [asking])],
      audit: {
        append: async (record) => {
          if (record.kind === "decision" && record.decision.effect === "allow") await kill();
        },
        flush() {},
        close() {},
      },
    });
    const id = await approve(bench);
    kill = async () => bench.plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "stop" });
    const context = toolCall("send_mail", INPUT, { callId: "c1" });
    const outcome = await bench.plane.guard.toolCall({ context, run: () => "sent" });
    expect(outcome).toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
    expect(await statusOf(bench, id)).toBe("approved");
  });

  it("by a mode that was set in the moment of its use is given back", async () => {
    const { bench, onUse } = eventfulBench();
    const id = await approve(bench);
    const agent = { kind: "agent", id: "bot" } as const;
    onUse(async () => bench.plane.controls.degrade(agent, "READ_ONLY", { by: "olga", reason: "stop" }));
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "mode" });
    expect(await statusOf(bench, id)).toBe("approved");
    await bench.plane.controls.recover(agent, { by: "olga" });
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("by a limit that a mode brought in the moment of its use is given back", async () => {
    const { bench, onUse } = eventfulBench();
    const id = await approve(bench);
    const agent = { kind: "agent", id: "bot" } as const;
    onUse(async () => {
      await bench.plane.controls.degrade(agent, { mode: "RATE_THROTTLE", perMinute: 1 }, OLGA_STOPS);
      await bench.plane.engine.decide(toolCall("search"));
    });
    expect(await mail(bench)).toMatchObject({ effect: "block" });
    expect(await statusOf(bench, id)).toBe("approved");
    bench.ports.clock.advance(60_000);
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("by another call of its session that came first is given back", async () => {
    const tagged = rule.condition({ where: { tags: { sender: "unknown" } }, then: "escalate" });
    const loops = blocking("loop", [rule.loop({ maxRepeats: 1 })]);
    const { bench, onUse } = eventfulBench({ policies: [blocking("ask", [tagged]), loops] });
    await bench.plane.ready();
    const decide = async (change: CallChange): Promise<Decision> =>
      bench.plane.engine.decide(toolCall("send_mail", INPUT, change));
    const asked = { callId: "c1", tags: { sender: "unknown" } };
    const { approvalId = "" } = await decide(asked);
    await bench.plane.approvals.approve(approvalId, OLGA);
    onUse(async () => expect(await decide({ callId: "c2" })).toMatchObject({ effect: "allow" }));
    expect(await decide(asked)).toMatchObject({ effect: "block", policyId: "loop" });
    expect(await statusOf(bench, approvalId)).toBe("approved");
  });

  it("because the store's answer is lost is given back once the store answers again", async () => {
    let isDown = false;
    const ports = createTestPorts();
    let isLosing = false;
    const lost = (): void => {
      if (isDown) throw new Error("connection lost");
    };
    const losing: After = (collection, value) => {
      isDown ||= isLosing && isUsed(collection, value);
      lost();
    };
    const state = eventful(sharedState(ports), losing, lost);
    const bench = createBench({
      approvals: { resolver: "external" },
      policies: [blocking("ask", [asking])],
      state,
      sharedPorts: ports,
    });
    const id = await approve(bench);
    isLosing = true;
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "state_error" });
    isDown = isLosing = false;
    expect(await statusOf(bench, id)).toBe("consumed");
    ports.clock.advance(1_000);
    await bench.plane.flush();
    await expect.poll(async () => statusOf(bench, id)).toBe("approved");
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("keeps the input that an approver wrote", async () => {
    const { bench, onUse } = eventfulBench();
    await bench.plane.ready();
    const { approvalId = "" } = await mail(bench);
    const edited = { to: "b@y.z" };
    await bench.plane.approvals.edit(approvalId, { ...OLGA, input: edited });
    onUse(async () => bench.plane.controls.unplug({ kind: "all" }, OLGA_STOPS));
    const call = toolCall("send_mail", edited, { callId: "c2" });
    expect(await bench.plane.engine.decide(call)).toMatchObject({ cause: "unplugged" });
    expect(await bench.plane.approvals.get(approvalId)).toMatchObject({
      status: "approved",
      editedInput: edited,
    });
  });

  it("is not taken back from another call that uses it", async () => {
    const { bench } = eventfulBench();
    const id = await approve(bench);
    const approval = await bench.plane.approvals.get(id);
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
    await bench.plane.approvals.giveBack({ approval: approval!, by: "use_of_nobody" });
    expect(await statusOf(bench, id)).toBe("consumed");
  });

  it("is good for no longer than before", async () => {
    const { bench, onUse } = eventfulBench();
    const id = await approve(bench);
    onUse(async () => bench.plane.controls.unplug({ kind: "all" }, OLGA_STOPS));
    await mail(bench);
    bench.ports.clock.advance(5 * 60_000);
    expect(await statusOf(bench, id)).toBe("expired");
  });
});

const OLGA_STOPS = { by: "olga", reason: "stop" } as const;
