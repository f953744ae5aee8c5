import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Admissions, type CallEntry, type EnterOptions } from "../../src/state/admissions.ts";
import { slowDocuments } from "./slow-documents.ts";
import { createTestMachines } from "./test-machines.ts";

const TTL_MS = 60_000;

function setUp(onUnknownOutcome: "block" | "rerun" = "block") {
  const machines = createTestMachines();
  const admissions = new Admissions({ admissions: machines.store.admissions, onUnknownOutcome });
  let count = 0;
  const enter = (intent: "ask" | "admit" = "admit", more: Partial<EnterOptions> = {}): CallEntry =>
    // Memory answers at once.
    admissions.enter("k", intent, { nowMs: machines.nowMs(), holdTtlMs: TTL_MS, ...more }) as CallEntry;
  const advance = (
    to: Parameters<Admissions["advance"]>[1],
    entry: CallEntry,
    decisionId = `d${count++}`,
  ): string => {
    const { reservationId, untilMs } =
      "reservationId" in entry ? entry : { reservationId: "", untilMs: undefined };
    void admissions.advance("k", to, { nowMs: machines.nowMs(), decisionId, reservationId, untilMs });
    return decisionId;
  };
  const admit = (): { entry: CallEntry; decisionId: string } => {
    const entry = enter();
    return { entry, decisionId: advance("admitted", entry) };
  };
  return { ...machines, admissions, enter, advance, admit };
}

/** Which call it is, without the claim. */
function unclaimed(entry: CallEntry): CallEntry {
  const { untilMs: _, ...rest } = entry as Extract<CallEntry, { untilMs?: number }>;
  return rest;
}

test("a new call is fresh; asked about and then executed it is the same attempt", () => {
  const { enter, advance } = setUp();
  const asked = enter("ask");
  expect(asked).toMatchObject({ kind: "fresh", attempt: 1 });
  advance("asked", asked);
  expect(enter("ask")).toMatchObject({ kind: "again", attempt: 1 });
  expect(enter()).toMatchObject({ kind: "again", attempt: 1 });
});

test("a call that runs is refused elsewhere and joined by the very execution that carries it", () => {
  const { enter, admit } = setUp();
  const { entry, decisionId } = admit();
  expect(enter()).toStrictEqual({ kind: "refused", cause: "in_flight" });
  expect(enter("ask")).toStrictEqual({ kind: "refused", cause: "in_flight" });
  expect(enter("admit", { carriedId: "another" })).toStrictEqual({ kind: "refused", cause: "in_flight" });
  expect(enter("admit", { carriedId: "k" })).toStrictEqual({
    ...unclaimed(entry),
    kind: "joined",
    decisionId,
  });
});

test("what ran is never run again", () => {
  const { enter, advance, admit, advanceMs } = setUp("rerun");
  const { entry, decisionId } = admit();
  advance("done", entry, decisionId);
  for (const intent of ["ask", "admit"] as const) {
    expect(enter(intent, { isRead: true, carriedId: "k" })).toStrictEqual({
      kind: "refused",
      cause: "already_executed",
    });
  }
  advance("asked", entry);
  advanceMs(86_399_999);
  expect(enter()).toStrictEqual({ kind: "refused", cause: "already_executed" });
  advanceMs(1);
  expect(enter()).toMatchObject({ kind: "fresh" });
});

test("a suspended call resumes under the holds it has, a failed one is a new attempt with new ones", () => {
  const { enter, advance, admit } = setUp();
  const { entry, decisionId } = admit();
  advance("suspended", entry, decisionId);
  expect(enter("ask")).toStrictEqual({ ...unclaimed(entry), kind: "resumed" });
  const resumed = enter();
  expect(resumed).toStrictEqual({ ...entry, kind: "resumed" });
  const again = advance("admitted", resumed);
  advance("failed", resumed, again);
  const retry = enter();
  expect(retry).toMatchObject({ kind: "retry", attempt: 2 });
  expect(retry).not.toMatchObject({ reservationId: "reservationId" in entry && entry.reservationId });
});

test("after a crash the outcome is unknown: blocked, or run again where the operator says so and it only reads", () => {
  const blocking = setUp();
  blocking.admit();
  blocking.advanceMs(TTL_MS - 1);
  expect(blocking.enter()).toMatchObject({ cause: "in_flight" });
  blocking.advanceMs(1);
  expect(blocking.enter("admit", { isRead: true })).toMatchObject({ cause: "unknown_outcome" });
  const rerunning = setUp("rerun");
  rerunning.admit();
  rerunning.advanceMs(TTL_MS);
  expect(rerunning.enter("admit", { isRead: false })).toMatchObject({ cause: "unknown_outcome" });
  expect(rerunning.enter("admit", { isRead: true })).toMatchObject({ kind: "retry", attempt: 2 });
});

test("a crash while deciding has run nothing: the call is decided again", () => {
  const { enter, advance, admit, advanceMs } = setUp();
  expect(enter()).toMatchObject({ kind: "fresh" });
  expect(enter()).toMatchObject({ cause: "in_flight" });
  advanceMs(TTL_MS);
  const { entry, decisionId } = admit();
  expect(entry).toMatchObject({ kind: "fresh", attempt: 1 });
  advance("suspended", entry, decisionId);
  enter();
  advanceMs(TTL_MS);
  expect(enter()).toMatchObject({ kind: "resumed" });
});

test("a running call that gives signs of life is in flight, not lost", () => {
  const { enter, admit, admissions, advanceMs, nowMs } = setUp();
  const { decisionId } = admit();
  advanceMs(TTL_MS - 1);
  void admissions.renew("k", { decisionId, nowMs: nowMs() });
  void admissions.renew("k", { decisionId: "foreign", nowMs: nowMs() + 1_000_000 });
  advanceMs(TTL_MS - 1);
  expect(enter()).toMatchObject({ cause: "in_flight" });
  advanceMs(1);
  expect(enter()).toMatchObject({ cause: "unknown_outcome" });
});

test("only who holds a call moves it: a foreign or late report makes nothing run again", () => {
  const { enter, advance, admit } = setUp();
  const early = enter("ask");
  const { entry, decisionId } = admit();
  advance("asked", early);
  advance("failed", entry, "foreign");
  expect(enter()).toMatchObject({ cause: "in_flight" });
  advance("done", entry, decisionId);
  advance("failed", entry, decisionId);
  expect(enter()).toMatchObject({ cause: "already_executed" });
});

test("an early question that ends late does not drop the claim of the execution", () => {
  const { enter, advance } = setUp();
  const early = enter("ask");
  const claim = enter();
  advance("asked", early);
  expect(enter()).toMatchObject({ cause: "in_flight" });
  expect(() => advance("admitted", claim)).not.toThrow();
});

test("a decision whose claim was taken over meanwhile is not admitted", () => {
  const { enter, advance, advanceMs } = setUp();
  const slow = enter();
  advanceMs(TTL_MS);
  const quick = enter();
  advance("admitted", quick);
  expect(() => advance("admitted", slow)).toThrow(expect.objectContaining({ code: "call_taken_over" }));
});

test("a claim that was taken over moves nothing of the one that came after it, though both hold under one id", () => {
  const { enter, advance, advanceMs } = setUp();
  const slow = enter();
  advanceMs(TTL_MS);
  const quick = enter();
  expect(() => advance("admitted", slow)).toThrow(expect.objectContaining({ code: "call_taken_over" }));
  advance("asked", slow);
  expect(() => advance("admitted", quick)).not.toThrow();
});

test("an early question about a suspended call drops no claim of the execution that resumes it", () => {
  const { enter, advance, admit } = setUp();
  const { entry, decisionId } = admit();
  advance("suspended", entry, decisionId);
  const early = enter("ask");
  const claim = enter();
  advance("asked", early);
  expect(() => advance("admitted", claim)).not.toThrow();
});

test("of many executions of one call at once, in several processes, one is let in", async () => {
  const { store, nowMs } = setUp();
  const processes = Array.from(
    { length: 4 },
    () => new Admissions({ admissions: slowDocuments(store.admissions) }),
  );
  const entries = await Promise.all(
    Array.from({ length: 200 }, async (_, index) =>
      processes[index % 4]?.enter("k", "admit", { nowMs: nowMs(), holdTtlMs: TTL_MS }),
    ),
  );
  expect(entries.filter((entry) => entry?.kind === "fresh")).toHaveLength(1);
  expect(entries.filter((entry) => entry?.kind === "refused")).toHaveLength(199);
});

/** The reference model, as semantics.md words it, over what really happened to the call. */
class Model {
  runs = 0;
  isDone = false;
  /** The execution now inside; undefined when none. */
  inside: { sinceMs: number; hasRun: boolean } | undefined;
  last: "asked" | "suspended" | "failed" | undefined;
  attempt = 1;

  expects(intent: "ask" | "admit", nowMs: number, isCarried: boolean, isRead: boolean): string {
    if (this.isDone) return "already_executed";
    if (this.inside !== undefined) {
      const isExpired = nowMs - this.inside.sinceMs >= TTL_MS;
      if (this.inside.hasRun) {
        if (isCarried) return "joined";
        if (!isExpired) return "in_flight";
        if (!isRead) return "unknown_outcome";
        return "retry";
      }
      if (!isExpired) return "in_flight";
      return this.last === "asked" ? "again" : this.last === "suspended" ? "resumed" : "fresh";
    }
    if (this.last === undefined) return "fresh";
    return this.last === "asked" ? "again" : this.last === "suspended" ? "resumed" : "retry";
  }
}

const event = fc.oneof(
  fc.record({
    do: fc.constant("enter" as const),
    intent: fc.constantFrom<"ask" | "admit">("ask", "admit"),
    isCarried: fc.boolean(),
    isRead: fc.boolean(),
  }),
  fc.record({ do: fc.constant("decide" as const), isAllowed: fc.boolean() }),
  fc.record({
    do: fc.constant("end" as const),
    how: fc.constantFrom<"done" | "failed" | "suspended" | "asked">("done", "failed", "suspended", "asked"),
  }),
  fc.record({ do: fc.constant("wait" as const), forMs: fc.constantFrom(1, TTL_MS / 2, TTL_MS) }),
);

test("call keys equal the reference model under random replays, resumes, crashes and retries", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { enter, advance, advanceMs, nowMs } = setUp("rerun");
      const model = new Model();
      const told: unknown[] = [];
      const wanted: unknown[] = [];
      let current: { entry: CallEntry; decisionId: string | undefined } | undefined;
      for (const one of events) {
        switch (one.do) {
          case "enter": {
            const expected = model.expects(one.intent, nowMs(), one.isCarried, one.isRead);
            const entry = enter(one.intent, { isRead: one.isRead, ...(one.isCarried && { carriedId: "k" }) });
            told.push([
              entry.kind === "refused" ? entry.cause : entry.kind,
              "attempt" in entry ? entry.attempt : 0,
            ]);
            const isIn = !["in_flight", "already_executed", "unknown_outcome"].includes(expected);
            wanted.push([expected, isIn ? model.attempt + (expected === "retry" ? 1 : 0) : 0]);
            if (entry.kind === "refused" || entry.kind === "joined") break;
            const attempt = expected === "retry" ? model.attempt + 1 : model.attempt;
            if (one.intent === "ask") {
              // Denied early.
              advance("asked", entry);
              if (model.last === undefined && model.inside === undefined) model.last = "asked";
              break;
            }
            // An execution that had run and crashed is given up for a new attempt.
            if (expected === "retry") model.last = undefined;
            model.attempt = attempt;
            model.inside = { sinceMs: nowMs(), hasRun: false };
            current = { entry, decisionId: undefined };
            break;
          }
          case "decide":
            if (current === undefined || current.decisionId !== undefined) break;
            if (one.isAllowed) {
              current.decisionId = advance("admitted", current.entry);
              model.inside = { sinceMs: nowMs(), hasRun: true };
            } else {
              advance("asked", current.entry);
              model.inside = undefined;
              model.last = "asked";
              current = undefined;
            }
            break;
          case "end":
            if (current?.decisionId === undefined) break;
            advance(one.how, current.entry, current.decisionId);
            model.inside = undefined;
            model.isDone = one.how === "done";
            model.last = one.how === "done" ? undefined : one.how;
            if (one.how === "done") model.runs++;
            current = undefined;
            break;
          case "wait":
            advanceMs(one.forMs);
            break;
        }
      }
      expect(told).toStrictEqual(wanted);
      expect(model.runs).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
});
