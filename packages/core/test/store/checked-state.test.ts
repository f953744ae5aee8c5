import { setImmediate as nextTurn } from "node:timers/promises";

import { expect, test } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import { checkedState } from "../../src/store/checked-state.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import type { LedgerStore, ReserveRequest, StateStore } from "../../src/store/state-store.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { createFakeTimers } from "../../src/testing/fake-timers.ts";

const BUDGET = { key: "b", measure: "tokens", limit: 100, window: { kind: "lifetime" } } as const;
const TIMEOUT_MS = 2_000;

function requestOf(id: string, amount = 60): ReserveRequest {
  return { id, ttlMs: 60_000, items: [{ spec: BUDGET, amount, isSoft: false, expired: "charge" }] };
}

/** A store across a wire that stalls: what was sent arrives, what is answered waits. */
function createWire() {
  const ports = createTestPorts();
  const inner = memoryState();
  const waiting: (() => void)[] = [];
  let isStalled = false;
  let isCut = false;
  const across = <T extends object>(store: T): T =>
    new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function" || name === "watch") return member;
        return async (...args: readonly unknown[]): Promise<unknown> => {
          const answer: unknown = Reflect.apply(member, target, args);
          if (isStalled) await new Promise<void>((resolve) => waiting.push(resolve));
          if (isCut) throw new Error("connection lost");
          return answer;
        };
      },
    });
  const { ledger, controls } = inner;
  const remote: StateStore = { ...inner, ledger: across<LedgerStore>(ledger), controls: across(controls) };
  return {
    ports,
    inner,
    remote,
    state: checkedState(remote, { timers: ports.timers, timeoutMs: TIMEOUT_MS }),
    stall: () => void (isStalled = true),
    cut: () => void (isCut = true),
    /** Answers what is waiting, and everything from now on. */
    async flow() {
      isStalled = false;
      waiting.splice(0).forEach((answer) => answer());
      await nextTurn();
    },
  };
}

async function failureOf(work: unknown): Promise<unknown> {
  return Promise.resolve(work).catch((error: unknown) => error);
}

test("a store that does not answer in time has failed, by name, whatever it was asked", async () => {
  const { state, ports, stall } = createWire();
  stall();
  const failures = [
    state.ledger.read(BUDGET),
    state.controls.list(""),
    state.ledger.reserve(requestOf("a")),
  ].map(failureOf);
  ports.clock.advance(TIMEOUT_MS);
  expect(await Promise.all(failures)).toMatchObject(
    ["read", "list", "reserve"].map((operation) => ({
      code: "state_failed",
      data: { operation, timeoutMs: TIMEOUT_MS },
    })),
  );
});

test("an answer in time leaves no timer behind, and an answer at once sets none", async () => {
  const timers = createFakeTimers(() => 0);
  const { remote, inner } = createWire();
  await checkedState(remote, { timers, timeoutMs: TIMEOUT_MS }).ledger.read(BUDGET);
  const direct = checkedState(inner, { timers, timeoutMs: TIMEOUT_MS });
  expect(direct.ledger.reserve(requestOf("a"))).toStrictEqual({ isGranted: true, breaches: [] });
  await nextTurn();
  expect(timers.pending).toBe(0);
});

test("a reservation whose answer came too late is given back", async () => {
  const { state, ports, inner, stall, flow } = createWire();
  stall();
  const failure = failureOf(state.ledger.reserve(requestOf("a")));
  ports.clock.advance(TIMEOUT_MS);
  await failure;
  expect(inner.ledger.read(BUDGET)).toMatchObject({ held: 60 });
  await flow();
  expect(inner.ledger.read(BUDGET)).toMatchObject({ held: 0, used: 0 });
});

test("a reservation whose connection broke before the answer is given back", async () => {
  const { state, inner, stall, cut, flow } = createWire();
  stall();
  const failure = failureOf(state.ledger.reserve(requestOf("a")));
  cut();
  const flowing = flow();
  expect(await failure).toMatchObject({ code: "state_failed" });
  await flowing;
  await nextTurn();
  expect(inner.ledger.read(BUDGET)).toMatchObject({ held: 0, used: 0 });
});

test("the late answer to a first attempt does not take away what a second attempt got", async () => {
  const { state, ports, inner, stall, flow } = createWire();
  stall();
  const first = failureOf(state.ledger.reserve(requestOf("a")));
  ports.clock.advance(TIMEOUT_MS);
  await first;
  const second = state.ledger.reserve(requestOf("a"));
  await flow();
  expect(await second).toMatchObject({ isGranted: true });
  await nextTurn();
  expect(inner.ledger.read(BUDGET)).toMatchObject({ held: 60 });
});

test("what a change refuses is no failure of the store", async () => {
  const { state } = createWire();
  const refuse = (): never => {
    throw new AgentplaneError("approval_invalid", "not like this");
  };
  expect(await failureOf(state.controls.update("a", refuse))).toMatchObject({ code: "approval_invalid" });
});
